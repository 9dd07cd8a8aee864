import { z } from 'zod'
import { type Clock, toTimestamp, toTimestampOrNull } from '../platform/clock.ts'
import type { Db } from '../platform/db/db.ts'
import { type ApiKey, createKey, listKeys, revokeKey, scopes } from './key-store.ts'

/** The properties of a new key. The team is created if it does not exist. */
export const keyRequest = z.object({
  name: z.string(),
  team: z.string(),
  scopes: z.array(z.enum(scopes)),
  expires_at: z.iso.datetime().nullable(),
})

/** The command line's key operations, on the open database or through a service that has it open. All plain JSON. */
export interface KeyCommands {
  /** @returns the key, which cannot be read again later */
  create(given: z.infer<typeof keyRequest>): Promise<{ id: string; key: string }>
  list(): Promise<ReturnType<typeof show>[]>
  /** @returns false when there is no such key */
  revoke(id: string): Promise<boolean>
}

/** @param onRevoked called with the hash, in hex, of a key that has just been revoked */
export function createKeyCommands(
  { db, clock }: { db: Db; clock: Clock },
  onRevoked: (keyHash: string) => void = () => {},
): KeyCommands {
  return {
    create({ expires_at, ...given }) {
      const wanted = { ...given, expiresAt: expires_at === null ? null : new Date(expires_at) }
      return db.transaction().execute((trx) => createKey(trx, wanted, clock.now()))
    },
    list: async () => (await listKeys(db)).map(show),
    async revoke(id) {
      const keyHash = await revokeKey(db, id, clock.now())
      if (keyHash !== undefined) onRevoked(keyHash)
      return keyHash !== undefined
    },
  }
}

/** A key as `krafter-push keys list` shows it. Times have the API's format. */
function show(key: ApiKey) {
  return {
    id: key.id,
    key_prefix: key.keyPrefix,
    name: key.name,
    team: key.team,
    scopes: key.scopes,
    expires_at: toTimestampOrNull(key.expiresAt),
    revoked_at: toTimestampOrNull(key.revokedAt),
    last_used_at: toTimestampOrNull(key.lastUsedAt),
    created_at: toTimestamp(key.createdAt),
  }
}
