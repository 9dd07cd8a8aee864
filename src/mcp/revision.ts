import type { IncomingHttpHeaders } from 'node:http'
import { isObject } from '../platform/is-object.ts'
import { RpcError, type RpcMessage } from './json-rpc.ts'

/** Every message names its own revision: https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning */
export const statelessRevision = '2026-07-28'
/** Begun by `initialize`; newest first. https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle */
export const handshakeRevisions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26']
/** The last revision with batches, and the default for messages that name no revision. */
export const batchRevision = '2025-03-26'

const metaKey = (name: string) => `io.modelcontextprotocol/${name}`
export const serverInfoKey = metaKey('serverInfo')

/**
 * Determines the MCP revision of a message.
 *
 * @throws RpcError when the revision is unknown, or when the headers contradict the message
 */
export function readRevision(headers: IncomingHttpHeaders, message: RpcMessage): string {
  const named = headers['mcp-protocol-version'] as string | undefined
  const meta = isObject(message.params._meta) ? message.params._meta : {}
  const claimed = meta[metaKey('protocolVersion')]
  if (claimed === undefined) return readNamedRevision(named, message)
  if (claimed !== named) throw mismatch('MCP-Protocol-Version', named, claimed)
  requireKnown(named)
  if (named === statelessRevision && message.id !== undefined) requireMetadata(headers, message, meta)
  return named
}

function readNamedRevision(named: string | undefined, { id }: RpcMessage): string {
  if (named === undefined) return batchRevision
  requireKnown(named)
  if (named === statelessRevision && id !== undefined) throw missingMeta('protocolVersion')
  return named
}

/** Whether the body may be a list of messages. */
export function allowsBatches(headers: IncomingHttpHeaders): boolean {
  const named = headers['mcp-protocol-version']
  return named === undefined || named === batchRevision
}

function requireKnown(requested: string): void {
  const supported = [statelessRevision, ...handshakeRevisions]
  if (supported.includes(requested)) return
  throw new RpcError('unsupportedRevision', 'Unsupported protocol version', {
    status: 400,
    data: { supported, requested },
  })
}

/** Headers that proxies route by must match the message: .../basic/transports/streamable-http#server-validation */
function requireMetadata(
  headers: IncomingHttpHeaders,
  { method, params }: RpcMessage,
  meta: Record<string, unknown>,
): void {
  if (!isObject(meta[metaKey('clientCapabilities')])) throw missingMeta('clientCapabilities')
  requireSame('Mcp-Method', headers['mcp-method'], method)
  if (method === 'tools/call') requireSame('Mcp-Name', decode(headers['mcp-name']), params.name)
}

function requireSame(header: string, value: string | string[] | undefined, inBody: unknown): void {
  if (value !== inBody) throw mismatch(header, value, inBody)
}

/** Values that a header cannot hold are encoded as `=?base64?…?=`. */
function decode(value: string | string[] | undefined): string | undefined {
  const [, encoded] = /^=\?base64\?(.*)\?=$/.exec(String(value)) ?? []
  return encoded === undefined
    ? (value as string | undefined)
    : Buffer.from(encoded, 'base64').toString('utf8')
}

function mismatch(header: string, value: unknown, inBody: unknown): RpcError {
  const shown = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`
  return new RpcError(
    'headerMismatch',
    `The header ${header} ${shown}, and the body says ${JSON.stringify(inBody)}`,
    { status: 400 },
  )
}

function missingMeta(name: string): RpcError {
  return new RpcError('invalidParams', `params._meta must have ${metaKey(name)}`, { status: 400 })
}
