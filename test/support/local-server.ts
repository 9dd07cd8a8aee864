import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A request as it came. */
export interface LocalRequest {
  method: string
  path: string
  headers: Record<string, string>
  body: string
}

/** A plain HTTP server, as on the machine of a developer. */
export interface LocalServer {
  url: string
  requests: LocalRequest[]
  answer: (request: LocalRequest, response: ServerResponse) => void
  stop(): Promise<void>
}

export async function startLocalServer(): Promise<LocalServer> {
  const requests: LocalRequest[] = []
  const local: LocalServer = {
    url: '',
    requests,
    answer: (_, response) => void response.writeHead(204).end(),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  const server = createServer(async (request: IncomingMessage, response) => {
    const { method = '', url = '', headers } = request
    const received = {
      method,
      path: url,
      headers: headers as Record<string, string>,
      body: await text(request),
    }
    requests.push(received)
    local.answer(received, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  local.url = `http://localhost:${(server.address() as AddressInfo).port}`
  return local
}
