import { ApiError, ConnectionError, TimeoutError } from './errors.ts'

const firstWaitMs = 500
const maxWaitMs = 8_000
/** The window of a rate limit. When an answer asks for a longer wait, the caller gets the error at once. */
const maxRetryAfterSeconds = 60

/** The service sends these before it does anything, so every request can be repeated. */
const untouched = [408, 429]
/** After these, the service may or may not have carried out the request. */
const uncertain = [500, 502, 503, 504]

/**
 * How long to wait before a request is sent again; undefined: the error is final.
 *
 * @param isRepeatable sending the request twice has the same effect as sending it once: GET, PUT, DELETE, or POST with
 *   an `Idempotency-Key`
 * @param failures how many times the request failed before
 * @param random returns a number from 0 up to 1
 * @returns milliseconds
 */
export function retryWait(
  error: unknown,
  isRepeatable: boolean,
  failures: number,
  random: () => number = Math.random,
): number | undefined {
  if (!isRetryable(error, isRepeatable)) return undefined
  const backoffMs = Math.min(maxWaitMs, firstWaitMs * 2 ** failures)
  const asked = error instanceof ApiError ? error.retryAfter : undefined
  if (asked === undefined) return backoffMs * (0.5 + random() / 2)
  // Waits at least as long as the answer asks for, plus up to 0.5 s so that clients do not all retry together.
  return asked > maxRetryAfterSeconds ? undefined : asked * 1_000 + firstWaitMs * random()
}

function isRetryable(error: unknown, isRepeatable: boolean): boolean {
  if (!(error instanceof ApiError)) {
    return isRepeatable && (error instanceof ConnectionError || error instanceof TimeoutError)
  }
  return untouched.includes(error.status) || (isRepeatable && uncertain.includes(error.status))
}

/**
 * The seconds of a `Retry-After`, which is a number of seconds or an HTTP date (RFC 9110 §10.2.3); undefined when it is
 * neither.
 */
export function readRetryAfter(value: string | null, now = Date.now()): number | undefined {
  if (!value) return undefined
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - now) / 1_000)
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds)
}

/** Resolves after `ms`. Rejects with the signal's reason when it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = () => {
      clearTimeout(timer)
      reject(signal!.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
