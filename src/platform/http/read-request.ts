import { isUtf8 } from 'node:buffer'
import { type ParsedUrlQuery, parse } from 'node:querystring'
import type { FastifyInstance } from 'fastify'
import { refusals } from '../errors.ts'
import { orUndefined } from '../or-undefined.ts'

/**
 * Accepts JSON only: `text/plain` is refused like any other type. An empty body counts as no body, because some clients
 * send the content type on every request. `__proto__` and `constructor` are dropped, like every unknown field.
 */
export function acceptJsonOnly(server: FastifyInstance): void {
  const parseJson = server.getDefaultJsonParser('remove', 'remove')
  server.removeContentTypeParser('text/plain')
  server.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    // JSON is UTF-8 (RFC 8259 §8.1). Without this check, invalid bytes would be stored as U+FFFD.
    else if (!isUtf8(body)) done(refusals.malformedBody('Request body is not valid JSON'))
    else parseJson(request, body.toString('utf8'), done)
  })
}

/**
 * Escapes a path that cannot be decoded, so that it is refused by the same steps, in the same order and with the same
 * headers as every other path. Otherwise the router would send its own error response.
 */
export function routableUrl(url: string): string {
  const [path = ''] = url.split('?', 1)
  const isDecodable = orUndefined(() => decodeURIComponent(path)) !== undefined
  return isDecodable ? url : path.replaceAll('%', '%25') + url.slice(path.length)
}

/** Drops empty parameters: in `?status=&limit=50`, `status` is not a filter. */
export function parseQuery(text: string): ParsedUrlQuery {
  return Object.fromEntries(Object.entries(parse(text)).filter(([, value]) => value !== ''))
}
