import type { ExchangeError, OutboundResult } from '../../outbound/outbound.ts'
import { parseRetryAfter } from '../../outbound/retry-after.ts'

/** Why an attempt failed, in one word: no answer, or an answer that is no success. */
export type AttemptError = ExchangeError | 'status'

/**
 * What an attempt came to. `gone` is an answer of 410: the receiver wants no more (Standard Webhooks 1.0).
 * `responseBody` is text fit for the database, at most {@link maxAnswerBytes} long.
 */
export interface AttemptOutcome {
  succeeded: boolean
  gone: boolean
  status: number | null
  error: AttemptError | null
  /** Why no answer came: one of the texts of `exchange-error.ts`. */
  reason: string | null
  responseBody: string | null
  /** Seconds the receiver asked us to wait (429 and 503 only). */
  retryAfterSeconds: number | null
}

/** Bytes of an answer that are read and kept. */
export const maxAnswerBytes = 1_024

/** @param now what an HTTP-date in Retry-After is measured against */
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

/** PostgreSQL text holds every character but NUL. */
function toText(body: Buffer): string {
  return body.subarray(0, maxAnswerBytes).toString('utf8').replaceAll('\0', '\uFFFD')
}
