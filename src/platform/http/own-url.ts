import type { FastifyRequest } from 'fastify'

/** The service's URL for clients, without a trailing slash: the configured one, or the one this request used. */
export function ownUrl(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl ?? `${request.protocol}://${request.host}`
}
