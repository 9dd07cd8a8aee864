import type { Http2ServerResponse } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificates } from '../../src/local-ends/certificates.ts'
import {
  type ReceivedRequest,
  startTlsServer,
  type TlsServerOptions,
} from '../../src/local-ends/tls-server.ts'

/** A request to the receiver, and when its last byte came, in milliseconds since the epoch. */
export interface Received extends ReceivedRequest {
  at: number
}

/** A real TLS server that takes webhook deliveries, and answers as a test says; the answer may change at any time. */
export interface Receiver {
  origin: string
  requests: Received[]
  answer: (request: Received, response: Http2ServerResponse) => void
  /** Waits until `count` requests came, to `path` if one is given, and returns those. */
  waitFor(count: number, path?: string, timeoutMs?: number): Promise<Received[]>
  /** The requests to one path. */
  to(path: string): Received[]
  stop(): Promise<void>
}

export async function startReceiver(options: TlsServerOptions = {}): Promise<Receiver> {
  const requests: Received[] = []
  const server = await startTlsServer(
    await makeCertificates(),
    (request, response) => {
      const received = { ...request, at: Date.now() }
      requests.push(received)
      receiver.answer(received, response)
    },
    options,
  )
  const receiver: Receiver = {
    origin: server.origin,
    requests,
    answer: (_, response) => {
      response.writeHead(204).end()
    },
    to: (path) => requests.filter((request) => request.path === path),
    async waitFor(count, path, timeoutMs = 20_000) {
      const deadline = Date.now() + timeoutMs
      const found = () => (path === undefined ? requests : receiver.to(path))
      while (found().length < count) {
        if (Date.now() > deadline) {
          throw new Error(`${found().length} of ${count} requests came within ${timeoutMs} ms`)
        }
        await sleep(10)
      }
      return found()
    },
    stop: () => server.stop(),
  }
  return receiver
}

/** Answers with a status and a body. */
export function respond(status: number, headers: Record<string, string> = {}, body = '') {
  return (_: Received, response: Http2ServerResponse) => {
    response.writeHead(status, headers).end(body)
  }
}
