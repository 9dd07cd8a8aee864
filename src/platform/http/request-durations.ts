import type { Metrics } from '../metrics.ts'
import type { Server } from './server.ts'

const statusClasses = ['2xx', '4xx', '5xx']

/**
 * Measures every request to the routes that are registered after this call. API routes start at zero, so that the first
 * failure counts as an increase. Event streams are not measured: they last as long as the client stays connected.
 */
export function measureRequests(server: Server, { requestSeconds }: Pick<Metrics, 'requestSeconds'>): void {
  server.addHook('onRoute', ({ method, url, schema }) => {
    if (!schema || schema.hide) return
    for (const each of [method].flat().filter((name) => name !== 'HEAD')) {
      for (const status of statusClasses) requestSeconds.zero({ method: each, route: url, status })
    }
  })
  server.addHook('onResponse', (request, reply, done) => {
    if (!String(reply.getHeader('content-type')).startsWith('text/event-stream')) {
      const { url = 'none' } = request.routeOptions
      const status = `${Math.floor(reply.statusCode / 100)}xx`
      requestSeconds.observe({ method: request.method, route: url, status }, reply.elapsedTime / 1_000)
    }
    done()
  })
}
