export interface KrafterOptions {
  /** Where the service is: `https://push.example.com`. A path before `/api/v1` is kept. */
  url: string
  /** `kr_live_…`. Absent in a browser that has a session: its cookie is sent. */
  apiKey?: string
  /** For each attempt, up to the end of its answer. Default 30,000. */
  timeoutMs?: number
  /** How often a request is sent again when that is safe. Default 3; 0: never. */
  maxRetries?: number
  /** Sent with every request. */
  headers?: Record<string, string>
  /** Fetch's `credentials`: `include` sends cookies to another origin too. */
  credentials?: 'include' | 'omit' | 'same-origin'
  /** In place of the global `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/** Of one call. Absent options are as the client has them. */
export interface RequestOptions {
  /** Ends the call, its retries and waits included. The call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  timeoutMs?: number | undefined
  maxRetries?: number | undefined
  headers?: Record<string, string> | undefined
  /** For a POST: 1 to 255 characters. Default: a new key for each call, which its retries keep. */
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

/** @throws TypeError when it cannot be sent in a header; fetch would say so in an error that holds the key */
export function readApiKey(apiKey: string | undefined): string | undefined {
  if (apiKey === undefined || /^[\x21-\x7e]+$/.test(apiKey)) return apiKey
  throw new TypeError('apiKey is not an API key: it is empty, or has spaces or characters that no key has')
}

export const defaultTimeoutMs = 30_000
export const defaultMaxRetries = 3
