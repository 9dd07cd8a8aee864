import type { ExchangeError, OutboundResult } from '../../outbound/outbound.ts'
import { parseRetryAfter } from '../../outbound/retry-after.ts'

/** Why an attempt failed, in one word: there was no answer, or its status was not a success. */
export type AttemptError = ExchangeError | 'status'

/**
 * The outcome of an attempt. `gone`: the receiver answered 410 and wants no more deliveries (Standard Webhooks 1.0).
 * `responseBody` is text that the database can store, at most {@link maxAnswerBytes} long.
 */
export interface AttemptOutcome {
  succeeded: boolean
  gone: boolean
  status: number | null
  error: AttemptError | null
  /** Why there was no answer: one of the texts of `exchange-error.ts`. */
  reason: string | null
  responseBody: string | null
  /** Seconds that the receiver asked the service to wait (429 and 503 only). */
  retryAfterSeconds: number | null
}

/** Bytes of an answer that are read and stored. */
export const maxAnswerBytes = 1_024

/** @param now the time that an HTTP-date in Retry-After is compared with */
export function classifyResponse(result: OutboundResult, now: Date): AttemptOutcome {
  if (!result.ok) {
    return {
      succeeded: false,
      gone: false,
      status: null,
      error: result.error,
      reason: result.reason,
      responseBody: null,
      retryAfterSeconds: null,
    }
  }
  const { status, headers, body } = result.answer
  const succeeded = status >= 200 && status <= 299
  const mayAsk = status === 429 || status === 503
  return {
    succeeded,
    gone: status === 410,
    status,
    error: succeeded ? null : 'status',
    reason: null,
    responseBody: body.length === 0 ? null : toText(body),
    retryAfterSeconds: mayAsk ? parseRetryAfter(headers['retry-after'], now) : null,
  }
}

/** PostgreSQL text can store every character except NUL. */
function toText(body: Buffer): string {
  return body.subarray(0, maxAnswerBytes).toString('utf8').replaceAll('\0', '\uFFFD')
}
