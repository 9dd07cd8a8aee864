import { isObject } from '../platform/is-object.ts'

/** Matches an answer to its request. */
export type RpcId = string | number

/** A message with an id is a request; one without is a notification. */
export interface RpcMessage {
  id: RpcId | undefined
  method: string
  params: Record<string, unknown>
}

export type RpcAnswer = { jsonrpc: '2.0'; id: RpcId | null } & (
  | { result: object }
  | { error: { code: number; message: string; data?: unknown } }
)

/** Codes of https://www.jsonrpc.org/specification#error_object; those from -32020 on are of MCP 2026-07-28. */
export const rpcCodes = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  headerMismatch: -32_020,
  unsupportedRevision: -32_022,
} as const

/** The error with which a message is answered. */
export class RpcError extends Error {
  override name = 'RpcError'
  readonly code: number
  /** Status of the HTTP answer. */
  readonly status: number
  readonly data: unknown

  /** @param status 200: the message is well-formed, but its method or parameters are wrong */
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
 * Reads a client's message.
 *
 * @returns undefined for an answer: this server sends no requests to clients, so it expects no answers
 * @throws RpcError when the value is not a message
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

/** Finds the id in an invalid message, so that its sender can match the error. */
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
