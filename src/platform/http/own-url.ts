import type { FastifyRequest } from 'fastify'

/** Where clients reach the service, without a slash at the end: as it is configured, or as this one reached it. */
export function ownUrl(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl ?? `${request.protocol}://${request.host}`
}
