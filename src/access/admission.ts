import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { refusals } from '../platform/errors.ts'
import { clientOf } from '../platform/http/client-address.ts'
import { attributeStatements } from '../platform/http/request-statements.ts'
import { authenticate } from './authenticate.ts'
import { createKnownKeys } from './known-keys.ts'
import type { RateLimits } from './rate-limits.ts'

/** Who may ask, and how often. */
export interface Admission {
  /**
   * Finds the key of a request and counts the request.
   *
   * @returns the scopes of the key
   * @throws 401 without a working key, 429 when the minute's requests are used up
   */
  admit(request: FastifyRequest, reply: FastifyReply): Promise<readonly string[]>
  /** Counts as many requests more. @throws 429 where not all are left */
  countMore(request: FastifyRequest, reply: FastifyReply, requests: number): void
  /** Does what an admitted request asks for by requests of its own: those are not counted again. */
  onBehalf<T>(work: () => Promise<T>): Promise<T>
}

export function createAdmission(deps: Pick<Deps, 'db' | 'clock' | 'keys'>, limits: RateLimits): Admission {
  const knownKeys = createKnownKeys(deps)
  const counted = new AsyncLocalStorage<true>()
  return {
    async admit(request, reply) {
      const client = clientOf(request.ip)
      const mayLookUp = async (keyHash: Buffer) =>
        !limits.isUsedUp('unauthorized', client) || knownKeys.has(keyHash)
      const key = await authenticate(deps, request, mayLookUp)
      if (!key) {
        limits.take('unauthorized', client, reply)
        throw refusals.unauthorized()
      }
      request.teamId = key.teamId
      attributeStatements(request, key.teamId)
      if (!counted.getStore()) limits.take('default', key.teamId, reply)
      return key.scopes
    },
    countMore: (request, reply, requests) => limits.take('default', request.teamId, reply, requests),
    // Awaited within: what is lazy begins only then.
    onBehalf: (work) => counted.run(true, async () => await work()),
  }
}
