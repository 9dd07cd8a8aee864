import type { Notification } from './api-types.ts'

/** The kind of an error, for programs that cannot use `instanceof` (two copies of this package, another realm). */
export type ErrorCode =
  | 'bad_request'
  | 'unauthorized'
  | 'insufficient_scope'
  | 'not_found'
  | 'conflict'
  | 'invalid'
  | 'rate_limited'
  | 'server_error'
  | 'unavailable'
  | 'unexpected_answer'
  | 'connection'
  | 'timeout'
  | 'not_sent'

/** The base class of all errors of this client, except the reason of an `AbortSignal` of yours. */
export class KrafterError extends Error {
  override readonly name: string = 'KrafterError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** No answer: the service cannot be reached, or the connection broke. */
export class ConnectionError extends KrafterError {
  override readonly name = 'ConnectionError'

  constructor(message: string, options?: ErrorOptions) {
    super('connection', message, options)
  }
}

/** No answer within `timeoutMs`, or `waitUntilSent` took too long. */
export class TimeoutError extends KrafterError {
  override readonly name = 'TimeoutError'

  constructor(message: string) {
    super('timeout', message)
  }
}

/** `waitUntilSent` ended because the notification failed, was canceled, or is a draft. `notification` says why. */
export class NotSentError extends KrafterError {
  override readonly name = 'NotSentError'
  readonly notification: Notification

  constructor(notification: Notification) {
    const { id, status, failure_reason } = notification
    super('not_sent', `notification ${id} is ${status}${failure_reason ? `: ${failure_reason}` : ''}`)
    this.notification = notification
  }
}

/** The parts of a failed answer that its error holds. */
export interface FailedAnswer {
  status: number
  /** The service's error message. */
  error: string
  /** With 422: field name → what is wrong with it. */
  details: Record<string, string[]> | undefined
  /** How many seconds the answer asks to wait. */
  retryAfter: number | undefined
  /** The answer's `x-request-id`, if it has one. The service's log has the same id. */
  requestId: string | undefined
}

/** An answer that is not a success. */
export class ApiError extends KrafterError implements FailedAnswer {
  override readonly name: string = 'ApiError'
  readonly status: number
  readonly error: string
  readonly details: Record<string, string[]> | undefined
  readonly retryAfter: number | undefined
  readonly requestId: string | undefined

  constructor(code: ErrorCode, call: string, answer: FailedAnswer) {
    const wrong = Object.entries(answer.details ?? {}).map(([field, texts]) => `${field} ${texts.join(', ')}`)
    const details = wrong.length > 0 ? ` (${wrong.join('; ')})` : ''
    super(code, `${call} answered ${answer.status}: ${answer.error}${details}`)
    this.status = answer.status
    this.error = answer.error
    this.details = answer.details
    this.retryAfter = answer.retryAfter
    this.requestId = answer.requestId
  }
}

/** 400, 408, 413, 415, 431: the request cannot be read. */
export class BadRequestError extends ApiError {
  override readonly name = 'BadRequestError'
}

/** 401: the API key is missing, malformed, expired or revoked. */
export class AuthenticationError extends ApiError {
  override readonly name = 'AuthenticationError'
}

/** 403: the API key lacks the scope. */
export class PermissionError extends ApiError {
  override readonly name = 'PermissionError'
}

/** 404: the resource does not exist, or belongs to another team. */
export class NotFoundError extends ApiError {
  override readonly name = 'NotFoundError'
}

/** 409: the resource is not in a state that allows the request. */
export class ConflictError extends ApiError {
  override readonly name = 'ConflictError'
}

/** 422: `details` names each wrong field. */
export class ValidationError extends ApiError {
  override readonly name = 'ValidationError'
}

/** 429: wait `retryAfter` seconds. */
export class RateLimitError extends ApiError {
  override readonly name = 'RateLimitError'
}

/** 5xx: an error in the service, or in a proxy in front of it. */
export class ServerError extends ApiError {
  override readonly name: string = 'ServerError'
}

/** 503: the service cannot answer now; try again after `retryAfter` seconds. */
export class UnavailableError extends ServerError {
  override readonly name = 'UnavailableError'
}

/** A redirect, or a success that this API never gives: `url` probably does not point to a Krafter Push service. */
export class UnexpectedAnswerError extends ApiError {
  override readonly name = 'UnexpectedAnswerError'
}

const kinds = {
  401: ['unauthorized', AuthenticationError],
  403: ['insufficient_scope', PermissionError],
  404: ['not_found', NotFoundError],
  409: ['conflict', ConflictError],
  422: ['invalid', ValidationError],
  429: ['rate_limited', RateLimitError],
  503: ['unavailable', UnavailableError],
} as const

/** The error for an answer that is not a success. `call` is its method and path. */
export function toApiError(call: string, answer: FailedAnswer): ApiError {
  const { status } = answer
  const [code, Kind] =
    kinds[status as keyof typeof kinds] ??
    (status >= 500
      ? (['server_error', ServerError] as const)
      : status >= 400
        ? (['bad_request', BadRequestError] as const)
        : (['unexpected_answer', UnexpectedAnswerError] as const))
  return new Kind(code, call, answer)
}
