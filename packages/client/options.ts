export interface KrafterOptions {
  /** The service's URL: `https://push.example.com`. A path before `/api/v1` is kept. */
  url: string
  /** `kr_live_…`. Leave it out in a browser with a session: the browser sends the session's cookie. */
  apiKey?: string
  /** Time limit of each attempt, including reading the answer. Default 30,000. */
  timeoutMs?: number
  /** How often a failed request is retried when that is safe. Default 3; 0: never. */
  maxRetries?: number
  /** Sent with every request. */
  headers?: Record<string, string>
  /** Fetch's `credentials`: `include` sends cookies to another origin too. */
  credentials?: 'include' | 'omit' | 'same-origin'
  /** Used instead of the global `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/** Options of one call. Options left out default to the client's. */
export interface RequestOptions {
  /** Aborts the call, including its retries and waits. The call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  timeoutMs?: number | undefined
  maxRetries?: number | undefined
  headers?: Record<string, string> | undefined
  /** For a POST: 1 to 255 characters. Default: a new key for each call, shared by its retries. */
  idempotencyKey?: string | undefined
}

/**
 * The address of the service without a trailing slash and without `/api/v1`.
 *
 * @throws TypeError when it is not an http:// or https:// URL
 */
export function readUrl(url: string): string {
  const { protocol, username, origin, pathname } = URL.canParse(url) ? new URL(url) : ({} as Partial<URL>)
  if (!/^https?:$/.test(protocol ?? '') || username) {
    throw new TypeError('url must be an http:// or https:// URL without credentials')
  }
  return origin + pathname!.replace(/\/+$/, '').replace(/\/api\/v1$/, '')
}

/** @throws TypeError when the key cannot be sent in a header; the error of fetch would contain the key */
export function readApiKey(apiKey: string | undefined): string | undefined {
  if (apiKey === undefined || /^[\x21-\x7e]+$/.test(apiKey)) return apiKey
  throw new TypeError('apiKey is not an API key: it is empty, or has spaces or characters that no key has')
}

export const defaultTimeoutMs = 30_000
export const defaultMaxRetries = 3
