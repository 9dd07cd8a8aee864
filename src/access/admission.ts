import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { refusals } from '../platform/errors.ts'
import { clientOf } from '../platform/http/client-address.ts'
import { attributeStatements } from '../platform/http/request-statements.ts'
import { authenticate } from './authenticate.ts'
import type { KeyRing } from './key-ring.ts'
import { createKnownKeys } from './known-keys.ts'
import type { RateLimits } from './rate-limits.ts'

export function createAdmission(deps: Pick<Deps, 'db' | 'clock'> & { keys: KeyRing }, limits: RateLimits) {
  const isKnownKey = createKnownKeys(deps)
  const counted = new AsyncLocalStorage<true>()
  return {
    /**
     * Finds the key of a request, counts the request, and sets its `teamId` and `scopes`.
     *
     * @throws 401 without a working key, 429 when the minute's requests are used up
     */
    async admit(request: FastifyRequest, reply: FastifyReply) {
      const mayLookUp = async (keyHash: Buffer) =>
        !limits.isUsedUp('unauthorized', clientOf(request.ip)) || isKnownKey(keyHash)
      const key = await authenticate(deps, request, mayLookUp)
      if (!key) {
        limits.take('unauthorized', clientOf(request.ip), reply)
        throw refusals.unauthorized()
      }
      request.teamId = key.teamId
      request.scopes = key.scopes
      attributeStatements(request, key.teamId)
      if (!counted.getStore()) limits.take('default', key.teamId, reply)
    },
    /** Counts this many additional requests. @throws 429 when fewer are left */
    countMore: (request: FastifyRequest, reply: FastifyReply, requests: number) =>
      limits.take('default', request.teamId, reply, requests),
    /** Runs work of an admitted request that sends requests itself. Those requests are not counted again. */
    // Awaits inside the context, because a lazy promise starts only when it is awaited.
    onBehalf: <T>(work: () => Promise<T>) => counted.run(true, async () => await work()),
  }
}

/** Decides who may send requests, and how many. */
export type Admission = ReturnType<typeof createAdmission>
