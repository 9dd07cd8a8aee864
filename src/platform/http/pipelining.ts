import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Requests of one connection that may wait for their turn. Browsers and HTTP libraries send one at a time. */
const maxWaiting = 16

/**
 * Handles the requests of a connection one after the other, and closes a connection that sends many without waiting for
 * the answers (RFC 9112 §9.3.2). Node handles them all at once and buffers the answers: 64 KiB of requests for
 * `/openapi.json` would take 300 MB. Must be the server's first hook.
 */
export function answerInTurn(server: FastifyInstance): void {
  const waiting = new WeakMap<Socket, number>()
  server.addHook('onRequest', ({ raw: { socket } }, { raw: response }, done) => {
    // Node gives the connection to a response once the response before it has been written.
    if (response.socket !== null) return done()
    const count = (waiting.get(socket) ?? 0) + 1
    waiting.set(socket, count)
    if (count > maxWaiting) socket.destroy()
    response.once('socket', () => {
      waiting.set(socket, waiting.get(socket)! - 1)
      done()
    })
  })
}
