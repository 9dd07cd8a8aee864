import { coversScope } from '../access/authenticate.ts'
import { isObject } from '../platform/is-object.ts'
import { RpcError, type RpcMessage } from './json-rpc.ts'
import { handshakeRevisions, serverInfoKey, statelessRevision } from './revision.ts'
import type { ToolResult } from './tool-result.ts'
import type { Tool } from './tools.ts'

/** The caller's scopes, and the tools that it can call. */
export interface Caller {
  scopes: readonly string[]
  tools: readonly Tool[]
  /** Version of the service. */
  version: string
  call(tool: Tool, args: Record<string, unknown>): Promise<ToolResult>
}

type Method = (params: Record<string, unknown>, caller: Caller) => object | Promise<object>

/** How long clients may cache the list. Only a new version of the service changes it: a key's scopes are fixed. */
const cacheMs = 300_000

const capabilities = { tools: {} }
const instructions =
  'Krafter Push sends push notifications and delivers signed webhooks about them. Begin with list_apps: every other tool takes an app_id. Lists have pages: pass next_cursor as cursor. create_notification sends at once, to everybody unless targeting says otherwise, and cannot be undone. Pass an idempotency_key when a call may be repeated.'

const toolMethods: [string, Method][] = [
  ['tools/list', listTools],
  ['tools/call', callTool],
]
const handshakeMethods = new Map<string, Method>([
  ['initialize', initialize],
  ['ping', () => ({})],
  ...toolMethods,
])
const statelessMethods = new Map<string, Method>([['server/discover', discover], ...toolMethods])

/**
 * Answers a request.
 *
 * @returns its result
 * @throws RpcError
 */
export async function answerRequest(
  { method, params }: RpcMessage,
  revision: string,
  caller: Caller,
): Promise<object> {
  const isStateless = revision === statelessRevision
  const run = (isStateless ? statelessMethods : handshakeMethods).get(method)
  if (!run) {
    throw new RpcError('methodNotFound', `Unknown method: ${method.slice(0, 100)}`, {
      status: isStateless ? 404 : 200,
    })
  }
  const result = await run(params, caller)
  return isStateless ? describeItself(result, caller) : result
}

/** Without a session, each result names its server. */
function describeItself(result: object, { version }: Caller): object {
  return { resultType: 'complete', ...result, _meta: { [serverInfoKey]: serverInfo(version) } }
}

function serverInfo(version: string) {
  return { name: 'krafter-push', title: 'Krafter Push', version }
}

function initialize({ protocolVersion }: Record<string, unknown>, { version }: Caller) {
  if (typeof protocolVersion !== 'string') {
    throw new RpcError('invalidParams', 'params.protocolVersion must be a string')
  }
  const agreed = handshakeRevisions.includes(protocolVersion) ? protocolVersion : handshakeRevisions[0]
  return { protocolVersion: agreed, capabilities, serverInfo: serverInfo(version), instructions }
}

function discover() {
  return {
    supportedVersions: [statelessRevision],
    capabilities,
    instructions,
    ttlMs: cacheMs,
    cacheScope: 'public',
  }
}

/** Lists all tools on one page, so every cursor is unknown. */
function listTools({ cursor }: Record<string, unknown>, { scopes, tools }: Caller) {
  if (cursor !== undefined) throw new RpcError('invalidParams', 'Unknown cursor')
  const allowed = tools.filter(({ scope }) => coversScope(scopes, scope))
  return { tools: allowed.map(({ shown }) => shown), ttlMs: cacheMs, cacheScope: 'private' }
}

async function callTool(params: Record<string, unknown>, { scopes, tools, call }: Caller) {
  const { name, arguments: args = {} } = params
  const tool = tools.find(({ shown }) => shown.name === name)
  if (!tool) throw new RpcError('invalidParams', `Unknown tool: ${String(name).slice(0, 100)}`)
  if (!coversScope(scopes, tool.scope)) {
    throw new RpcError('invalidParams', `Unknown tool: ${name} needs a key with the scope ${tool.scope}`)
  }
  if (!isObject(args)) throw new RpcError('invalidParams', 'params.arguments must be an object')
  return call(tool, args)
}
