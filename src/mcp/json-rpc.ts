/** Of a request, to find its answer by. */
export type RpcId = string | number

/** A request when it has an id, otherwise a notification. */
export interface RpcMessage {
  id: RpcId | undefined
  method: string
  params: Record<string, unknown>
}

export type RpcAnswer = { jsonrpc: '2.0'; id: RpcId | null } & (
  | { result: object }
  | { error: { code: number; message: string; data?: unknown } }
)

/** https://www.jsonrpc.org/specification#error_object, and from -32020 on those of MCP 2026-07-28. */
export const rpcCodes = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  headerMismatch: -32_020,
  unsupportedRevision: -32_022,
} as const

/** A message that is not answered with a result. */
export class RpcError extends Error {
  override name = 'RpcError'
  readonly code: number
  /** Of the HTTP answer. */
  readonly status: number
  readonly data: unknown

  /** @param status 200: the message was understood, and what it asks for is wrong */
  constructor(
    code: keyof typeof rpcCodes,
    message: string,
    { status = 200, data = undefined as unknown } = {},
  ) {
    super(message)
    this.code = rpcCodes[code]
    this.status = status
    this.data = data
  }
}

/**
 * Reads a message of a client.
 *
 * @returns undefined for an answer: this server asks clients for nothing, so nobody waits for it
 * @throws RpcError when it is none
 */
export function readMessage(value: unknown): RpcMessage | undefined {
  const invalid = (message: string) => new RpcError('invalidRequest', message, { status: 400 })
  if (!isObject(value)) throw invalid('The body must be a JSON-RPC message')
  const { jsonrpc, id, method, params = {} } = value
  if (jsonrpc !== '2.0') throw invalid('jsonrpc must be "2.0"')
  if (method === undefined && ('result' in value || 'error' in value)) return undefined
  if (typeof method !== 'string') throw invalid('method must be a string')
  if (id !== undefined && typeof id !== 'string' && !Number.isSafeInteger(id)) {
    throw invalid('id must be a string or a whole number')
  }
  if (!isObject(params)) throw new RpcError('invalidParams', 'params must be an object', { status: 400 })
  return { id: id as RpcId | undefined, method, params }
}

/** The id of what cannot be read as a message, so that its sender learns of it. */
export function idOf(value: unknown): RpcId | null {
  const id = isObject(value) ? value.id : null
  return typeof id === 'string' || Number.isSafeInteger(id) ? (id as RpcId) : null
}

export function answerWith(id: RpcId, result: object): RpcAnswer {
  return { jsonrpc: '2.0', id, result }
}

export function refuseWith(id: RpcId | null, { code, message, data }: RpcError): RpcAnswer {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data !== undefined && { data }) } }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
