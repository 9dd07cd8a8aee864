import type { FastifyRequest } from 'fastify'
import { refusals } from '../platform/errors.ts'
import { hashKey, isWellFormedKey } from './key-format.ts'
import type { KeyRing } from './key-ring.ts'
import type { Scope } from './key-store.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The team whose key the request carries; empty on routes without a key. */
    teamId: string
    /** The scopes of the request's key; only on routes that take a key. */
    scopes: readonly string[]
  }
  interface FastifyContextConfig {
    /** The scope that the key needs for this route; set by {@link scopeOf}. */
    scope?: Scope
    /** Also counted in the `strict` bucket: once, or once per entry of the body field `rowsIn`. */
    strict?: true | { rowsIn: string }
    /** Any client may call the route without a key. Requests count in the `public` bucket. */
    open?: boolean
    /** The route takes a publishable key instead of an API key. */
    publishable?: boolean
  }
}

/**
 * The working key that the request carries; undefined when it is missing, malformed, unknown, expired or revoked.
 *
 * @param mayLookUp whether to query the database for a key that is not in memory; false: the key counts as unknown
 */
export async function authenticate(
  { keys }: { keys: KeyRing },
  request: FastifyRequest,
  mayLookUp: (keyHash: Buffer) => Promise<boolean> = async () => true,
): Promise<{ teamId: string; scopes: string[] } | undefined> {
  const [, key] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (!key || !isWellFormedKey(key)) return undefined
  const keyHash = hashKey(key)
  return keys.find(keyHash, () => mayLookUp(keyHash))
}

/** The scope that a route of the API needs: one to read, another to change anything. */
export function scopeOf(method: string | string[]): Scope {
  return method === 'GET' || method === 'HEAD' ? 'push:read' : 'push:write'
}

/** @throws 403 when the key does not cover the route */
export function requireScope(granted: readonly string[], scope: Scope | undefined): void {
  if (scope && !coversScope(granted, scope)) throw refusals.insufficientScope()
}

/** Whether the scopes of a key include a scope; `*` includes all scopes. */
export function coversScope(granted: readonly string[], scope: string): boolean {
  return granted.includes('*') || granted.includes(scope)
}
