import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Server } from './server.ts'

/**
 * The description of the API as a page, at `/docs`. It is loaded with its first reader: its script is one of 5 MB in a
 * JavaScript file, which every start would parse and every process keep.
 */
export function registerReferencePage(server: Server): void {
  let loaded: Promise<FastifyInstance> | undefined
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    loaded ??= loadPages(() => server.swagger())
    const pages = await loaded
    const { statusCode, headers, rawPayload } = await pages.inject(request.url)
    return reply.code(statusCode).headers(headers).send(rawPayload)
  }
  for (const path of ['/docs', '/docs/*']) server.get(path, { schema: { hide: true } }, answer)
}

async function loadPages(describe: () => object): Promise<FastifyInstance> {
  const { default: reference } = await import('@scalar/fastify-api-reference')
  const pages = fastify()
  await pages.register(reference, { routePrefix: '/docs', configuration: { content: () => describe() } })
  return pages
}
