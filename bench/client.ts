import { Pool } from 'undici'
import { serveParent } from './child.ts'
import { requestsAtOnce } from './sizes.ts'

/** A template for many requests: `{n}` in its path or body is replaced by the request's number. */
export interface Request {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  body?: unknown
}

export interface Load {
  request: Request
  count: number
  atOnce: number
  /** The first request's number. */
  from?: number
}

let pool: Pool
let authorization: string

/** The backend of a user of the service, in its own process. */
const client = {
  open(url: string, key: string, connections = requestsAtOnce): void {
    pool = new Pool(`${url}/`, { connections, pipelining: 1 })
    authorization = `Bearer ${key}`
  },
  /** @returns the status and the answer's `data` */
  ask,
  /** Sends many requests. @returns the start in milliseconds since the epoch, and the answers per second */
  async load({ request, count, atOnce, from = 0 }: Load): Promise<{ startedAt: number; perSecond: number }> {
    const { method, path } = request
    const text = request.body === undefined ? undefined : JSON.stringify(request.body)
    let next = 0
    const loop = async () => {
      while (next < count) {
        const number = String(from + next++)
        const { status } = await send(method, path.replaceAll('{n}', number), text?.replaceAll('{n}', number))
        if (status >= 300) throw new Error(`${method} ${path} was answered ${status}`)
      }
    }
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: atOnce }, loop))
    const perSecond = count / ((performance.now() - startedAt) / 1_000)
    return { startedAt: performance.timeOrigin + startedAt, perSecond }
  },
}

export type ClientApi = typeof client
serveParent(client)

async function ask({ method, path, body }: Request): Promise<{ status: number; data: unknown; at: number }> {
  const at = performance.timeOrigin + performance.now()
  const { status, text } = await send(method, path, body === undefined ? undefined : JSON.stringify(body))
  const answer = text === '' ? undefined : JSON.parse(text)
  return { status, data: answer?.data, at }
}

async function send(method: string, path: string, body: string | undefined) {
  const headers = { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) }
  const answer = await pool.request({ method, path: `/api/v1/push${path}`, headers, body: body ?? null })
  return { status: answer.statusCode, text: await answer.body.text() }
}
