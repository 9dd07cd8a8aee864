import type { FastifyInstance, FastifyRequest } from 'fastify'
import { defaultMaxBodyBytes } from './read-body.ts'
import { type ReceiverOptions, receiveDelivery } from './receive.ts'

export interface WebhookPluginOptions extends ReceiverOptions<FastifyRequest> {
  /** The route's path, below the plugin's `prefix`. Default `/`. */
  path?: string
}

/**
 * A plugin for Fastify 4 and 5 that adds the route `POST path`. Its raw-body parser applies to this route only. A
 * handler's error goes to the error handler; after its 500, the service retries the delivery.
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
