import { ConnectionError, KrafterError, TimeoutError, toApiError } from './errors.ts'
import {
  defaultMaxRetries,
  defaultTimeoutMs,
  type KrafterOptions,
  type RequestOptions,
  readApiKey,
  readUrl,
} from './options.ts'
import { type ApiRequest, type Given, makeRequest } from './request.ts'
import { readRetryAfter, retryWait, sleep } from './retry.ts'
import type { Ids, Route } from './route-types.ts'

export interface Answer {
  response: Response
  /** The parsed body; undefined when it is empty. */
  // biome-ignore lint/suspicious/noExplicitAny: what the route's type says, which only its caller knows
  body: any
}

export interface Transport {
  /** Sends a request. Retries it when that is safe. */
  send<R extends Route>(route: R, ids: Ids<R>, given: Given, options?: RequestOptions): Promise<Answer>
  /** Sends a request once. Only `options.signal` ends it, there is no timeout. The answer's body is not read. */
  open<R extends Route>(route: R, ids: Ids<R>, given: Given, options: RequestOptions): Promise<Response>
}

/** @throws TypeError when the URL or the API key cannot be used */
export function createTransport(client: KrafterOptions): Transport {
  const base = readUrl(client.url)
  const settings = { ...client, apiKey: readApiKey(client.apiKey) }

  /** @param isGone true: a 404 is a success, because an earlier attempt may have deleted the resource */
  const fetchAnswer = async ({ call, url, init }: ApiRequest, signal?: AbortSignal, isGone = false) => {
    try {
      const request = { ...init, ...(signal && { signal }) }
      const response = await (client.fetch ? client.fetch(url, request) : fetch(url, request))
      if (response.ok || (isGone && response.status === 404)) return response
      throw await readRefusal(call, response)
    } catch (error) {
      throw toFailure(error, `${call}: no answer from ${base}`, signal)
    }
  }

  const send: Transport['send'] = async (route, ids, given, options = {}) => {
    const { timeoutMs = client.timeoutMs ?? defaultTimeoutMs, signal } = options
    const maxRetries = options.maxRetries ?? client.maxRetries ?? defaultMaxRetries
    const request = makeRequest(base, route, ids, given, settings, options)
    for (let failures = 0; ; failures++) {
      try {
        const isGone = failures > 0 && request.method === 'DELETE'
        return await inTime(request.call, timeoutMs, signal, async (deadline) => {
          const response = await fetchAnswer(request, deadline, isGone)
          return {
            response,
            body: response.ok ? await readBody(request.call, response, deadline) : undefined,
          }
        })
      } catch (error) {
        const waitMs = failures < maxRetries ? retryWait(error, request.isRepeatable, failures) : undefined
        if (waitMs === undefined) throw error
        await sleep(waitMs, signal)
      }
    }
  }

  return {
    send,
    open: async (route, ids, given, options) =>
      fetchAnswer(makeRequest(base, route, ids, given, settings, options), options.signal),
  }
}

/** Runs `work` with a signal that aborts when `signal` does, or after `timeoutMs` with a `TimeoutError`. */
async function inTime<T>(
  call: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (deadline: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  const abort = () => ending.abort(signal!.reason)
  const late = () => ending.abort(new TimeoutError(`${call}: no answer within ${timeoutMs} ms`))
  const timer = setTimeout(late, timeoutMs)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort)
  try {
    return await work(ending.signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

async function readBody(call: string, response: Response, signal: AbortSignal): Promise<unknown> {
  const text = await response.text().catch((error) => {
    throw toFailure(error, `${call}: the answer broke off`, signal)
  })
  if (text === '') return undefined
  const body = parse(text)
  if (body) return body
  const error = 'the answer is not JSON: is this the url of a Krafter Push service?'
  throw toApiError(call, { ...describe(response), error })
}

async function readRefusal(call: string, response: Response): Promise<KrafterError> {
  const to = response.headers.get('location')
  const body = parse(await response.text())
  const error =
    body?.error ??
    (to ? `redirects to ${to}, which url should name` : response.statusText || 'no reason given')
  const { details, retryAfter } = { ...describe(response), details: body?.details }
  return toApiError(call, {
    ...describe(response),
    error: String(error),
    details,
    retryAfter: retryAfter ?? body?.retry_after,
  })
}

function describe({ status, headers }: Response) {
  return {
    status,
    details: undefined,
    retryAfter: readRetryAfter(headers.get('retry-after')),
    requestId: headers.get('x-request-id') ?? undefined,
  }
}

/** Parses a JSON object or array; undefined when the text is anything else. */
// biome-ignore lint/suspicious/noExplicitAny: as Answer['body']
function parse(text: string): any {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** Turns an error of fetch into the error that the caller gets. */
export function toFailure(error: unknown, message: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  if (error instanceof KrafterError) return error
  const { cause = error } = (error ?? {}) as { cause?: { message?: string; code?: string } }
  const { message: why, code } = (cause ?? {}) as { message?: string; code?: string }
  return new ConnectionError(`${message} (${why || code || 'unknown reason'})`, { cause: error })
}
