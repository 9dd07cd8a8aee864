import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { refusals } from '../platform/errors.ts'
import { hashKey, isWellFormedKey } from './key-format.ts'
import type { Scope } from './key-store.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key the request carries; empty on routes without one. */
    teamId: string
  }
  interface FastifyContextConfig {
    /** What the route's key must allow. */
    scope?: Scope
    /** Counted in the `strict` bucket besides `default`: once, or for each entry of a field of the body. */
    strict?: true | { rowsIn: string }
    /** Takes no key, from any client: counted in the `public` bucket. */
    open?: boolean
    /** It takes a publishable key instead of an API key. */
    publishable?: boolean
  }
}

/**
 * A key that works, as sent with the request; undefined when it is missing, malformed, unknown, expired or revoked.
 *
 * @param mayLookUp whether the database is asked for the key with this hash if it is not in memory; false: it counts as
 *   unknown
 */
export async function authenticate(
  deps: Pick<Deps, 'keys'>,
  request: FastifyRequest,
  mayLookUp: (keyHash: Buffer) => Promise<boolean> = async () => true,
): Promise<{ teamId: string; scopes: string[] } | undefined> {
  const [, key] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (!key || !isWellFormedKey(key)) return undefined
  const keyHash = hashKey(key)
  return deps.keys.find(keyHash, () => mayLookUp(keyHash))
}

/** @throws 403 when the key does not cover the route */
export function requireScope(granted: readonly string[], scope: Scope | undefined): void {
  if (scope && !granted.includes('*') && !granted.includes(scope)) throw refusals.insufficientScope()
}
