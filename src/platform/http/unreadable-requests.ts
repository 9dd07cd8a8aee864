import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { type ApiError, refusals } from '../errors.ts'
import { newId } from '../ids.ts'
import { requestIdHeader } from './request-id.ts'

/** How long a client may keep sending after the refusal of its request has been written. */
const lingerMs = 1_000

/** Answers invalid HTTP, which never reaches a route, in the same format as every other refusal. */
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
  // Closing a connection with unread bytes would reset it, and the client could lose the response.
  socket.resume()
  setTimeout(() => socket.destroy(), lingerMs).unref()
}

function refusalOf(code: string | undefined): ApiError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refusals.requestTimeout()
  if (code === 'HPE_HEADER_OVERFLOW') return refusals.headersTooLarge()
  return refusals.unreadableRequest()
}

/** Whether Node is writing a response (`_httpMessage`) to the socket: a second one would be mixed into it. */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: answer } = socket as Socket & {
    _httpMessage?: ServerResponse<IncomingMessage> | null
  }
  return answer?.headersSent === true
}
