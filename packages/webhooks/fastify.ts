import type { FastifyInstance, FastifyRequest } from 'fastify'
import { defaultMaxBodyBytes } from './read-body.ts'
import { type ReceiverOptions, receiveDelivery } from './receive.ts'

export interface WebhookPluginOptions extends ReceiverOptions<FastifyRequest> {
  /** Of the route, below the plugin's `prefix`. Default `/`. */
  path?: string
}

/**
 * A plugin for Fastify 4 and 5 that adds the route `POST path`. Its parser of raw bodies holds for this route alone. What
 * a handler throws goes to the error handler, whose 500 makes the delivery come again.
 */
export async function receiveWebhooks(
  fastify: FastifyInstance,
  { path = '/', ...options }: WebhookPluginOptions,
): Promise<void> {
  const { maxBodyBytes: bodyLimit = defaultMaxBodyBytes } = options
  fastify.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit },
      async (_: unknown, body: unknown) => body,
    )
    scope.post(path, { bodyLimit }, async (request, reply) => {
      const read = async () => request.body as Uint8Array
      const { status, text, headers } = await receiveDelivery(request, request.headers, read, options)
      return reply.code(status).headers(headers).send(text)
    })
  })
}
