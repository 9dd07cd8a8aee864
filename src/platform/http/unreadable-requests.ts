import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { type ApiError, refusals } from '../errors.ts'
import { newId } from '../ids.ts'
import { requestIdHeader } from './request-id.ts'

/** For how long a client may go on sending while it is told that its request is refused. */
const lingerMs = 1_000

/** What cannot be read as a request never reaches a route, yet it is answered as any other refusal is. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, log: Logger): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const requestId = newId()
  log.debug({ code: error.code, requestId }, 'request.unreadable')
  if (!socket.writable || isAnswering(socket)) return void socket.destroy()
  const { status, error: text } = refusalOf(error.code).shape
  const body = JSON.stringify({ error: text })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    `${requestIdHeader}: ${requestId}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  // Closed with bytes unread, the connection would be reset, and the answer be lost on its way.
  socket.resume()
  setTimeout(() => socket.destroy(), lingerMs).unref()
}

function refusalOf(code: string | undefined): ApiError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refusals.requestTimeout()
  if (code === 'HPE_HEADER_OVERFLOW') return refusals.headersTooLarge()
  return refusals.unreadableRequest()
}

/** Node keeps the answer that is being written on a socket there; whatever else was written would get into it. */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: answer } = socket as Socket & {
    _httpMessage?: ServerResponse<IncomingMessage> | null
  }
  return answer?.headersSent === true
}
