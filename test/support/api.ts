/** An answer of the API: its body as parsed, undefined when it is empty. */
export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect by comparing
  body: any
}

/** A client of the API with one key, as a user would write it. Paths begin below `/api/v1`. */
export interface Api {
  url: string
  key: string
  get(path: string): Promise<Answer>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  patch(path: string, body: unknown): Promise<Answer>
  delete(path: string): Promise<Answer>
  /** A request exactly as given. */
  send(path: string, init: RequestInit): Promise<Answer>
  /** The same service with another key; null: without one. */
  withKey(key: string | null): Api
}

export function createApi(url: string, key: string | null): Api {
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      ...init,
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...init.headers },
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
  }
  const sendJson = (method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
    send(path, {
      method,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    })
  return {
    url,
    key: key ?? '',
    send,
    get: (path) => send(path, {}),
    post: (path, body, headers) => sendJson('POST', path, body, headers),
    patch: (path, body) => sendJson('PATCH', path, body),
    delete: (path) => send(path, { method: 'DELETE' }),
    withKey: (other) => createApi(url, other),
  }
}

/** Asks until the answer is as wanted, less and less often: many tests wait at a time, and asking costs CPU. */
export async function poll<T>(
  ask: () => Promise<T>,
  wanted: (value: T) => boolean,
  timeoutMs = 20_000,
): Promise<T> {
  const beganAt = Date.now()
  for (;;) {
    const value = await ask()
    if (wanted(value)) return value
    const waitedMs = Date.now() - beganAt
    if (waitedMs > timeoutMs) {
      throw new Error(`not as wanted in time: ${JSON.stringify(value)?.slice(0, 500)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(100, 10 + waitedMs / 5)))
  }
}
