import { once } from 'node:events'
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { makeCertificates } from '../../src/local-ends/certificates.ts'

const { ca, key, cert } = await makeCertificates()

/** The authority that the services' certificates are from. */
export const scriptedCa = ca

export interface ScriptedAnswer {
  status: number
  headers?: Record<string, string>
  body?: string
  delayMs?: number
}

export interface ScriptedRequest {
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** A TLS server that answers each request as it is told, whatever the request. */
export interface ScriptedPushService {
  origin: string
  received: ScriptedRequest[]
  /** Cuts every connection. */
  cut(): void
  stop(): void
}

/** @param answer null: never */
export async function startScriptedPushService(
  answer: (path: string, headers: IncomingHttpHeaders) => ScriptedAnswer | null,
): Promise<ScriptedPushService> {
  const received: ScriptedRequest[] = []
  const server = createSecureServer({ key, cert, allowHTTP1: true })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('sessionError', () => {})
  server.on('request', async (request: Http2ServerRequest, response: Http2ServerResponse) => {
    request.on('error', () => {})
    response.on('error', () => {})
    const body = await buffer(request).catch(() => null)
    // Cut before it was there.
    if (!body) return
    received.push({ path: request.url, headers: request.headers, body })
    const reply = answer(request.url, request.headers)
    if (!reply) return
    if (reply.delayMs) await setTimeout(reply.delayMs)
    response.writeHead(reply.status, reply.headers).end(reply.body ?? '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) {
      socket.destroy()
    }
  }
  const stop = () => {
    cut()
    server.close()
  }
  return { origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, received, cut, stop }
}
