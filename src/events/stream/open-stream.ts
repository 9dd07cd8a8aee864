import type { FastifyReply, FastifyRequest } from 'fastify'

/** Milliseconds that a client which reads nothing has left when the service drains. */
const graceMs = 1_000

/** @param onClosed called once, when the response has ended or the client is gone */
export function openStream(request: FastifyRequest, reply: FastifyReply, onClosed: () => void) {
  const ending = new AbortController()
  const end = () => ending.abort()
  const closed = () => {
    end()
    onClosed()
  }
  // `close` also fires when the request is refused later. A response that has already closed does not fire it again.
  if (reply.raw.closed) queueMicrotask(closed)
  else reply.raw.once('close', closed)
  return {
    /** Aborted when the stream is to end. */
    signal: ending.signal,
    end,
    /** Ends the stream; a client that reads nothing is disconnected after a short wait. */
    drain() {
      end()
      const cut = setTimeout(() => request.raw.socket.destroy(), graceMs)
      reply.raw.once('close', () => clearTimeout(cut))
    },
  }
}

/** A stream that is being sent to a client. */
export type OpenStream = ReturnType<typeof openStream>
