import { Pool } from 'undici'

/** The documented HTTP API as a program would use it. Paths begin below `/api/v1`; answers are the `data` in them. */
export interface ApiClient {
  /** @throws Error naming the call when the answer is no success */
  get<Data>(path: string): Promise<Data>
  /** @throws Error naming the call when the answer is no success */
  post<Data>(path: string, body: unknown): Promise<Data>
  close(): Promise<void>
}

/** @param connections how many requests may run at a time */
export function createApiClient(url: string, key: string, connections: number): ApiClient {
  const pool = new Pool(url, { connections })
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }

  const call = async (method: 'GET' | 'POST', path: string, body?: unknown) => {
    const answer = await pool.request({
      method,
      path: `/api/v1${path}`,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`)
    return JSON.parse(text).data
  }
  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    close: () => pool.destroy(),
  }
}
