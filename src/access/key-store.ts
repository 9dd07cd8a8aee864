import { sql } from 'kysely'
import { keyChanges } from '../announcements.ts'
import type { Clock } from '../platform/clock.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { newId } from '../platform/ids.ts'
import { generateKey, hashKey, keyPrefix } from './key-format.ts'

export const scopes = ['push:read', 'push:write', '*'] as const
export type Scope = (typeof scopes)[number]

/** The parts of an API key that decide whether a request is allowed. */
export type WorkingKey = NonNullable<Awaited<ReturnType<typeof findWorkingKey>>>

/** The key with this hash if it works at `now`: neither revoked nor expired. */
export async function findWorkingKey(db: Db, keyHash: Buffer, now: Date) {
  return db
    .selectFrom('api_keys')
    .select(['id', 'team_id as teamId', 'scopes', 'expires_at as expiresAt', 'last_used_at as lastUsedAt'])
    .where('key_hash', '=', keyHash)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .executeTakeFirst()
}

/** The hashes of the keys that work at `now`, the latest first. */
export async function listWorkingKeyHashes(db: Db, now: Date, limit: number): Promise<Uint8Array[]> {
  const keys = await db
    .selectFrom('api_keys')
    .select('key_hash')
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return keys.map(({ key_hash }) => key_hash)
}

/** Stores when keys were used, by their ids, in one statement for any number of keys. */
export async function touchKeys(db: Db, usedAt: ReadonlyMap<string, Date>): Promise<void> {
  await sql`
    update api_keys set last_used_at = greatest(last_used_at, used.at)
    from unnest(${sql.val([...usedAt.keys()])}::uuid[], ${sql.val([...usedAt.values()])}::timestamptz[]) used (id, at)
    where api_keys.id = used.id`.execute(db)
}

export interface NewKey {
  name: string
  /** The team's name. The team is created if it does not exist. */
  team: string
  scopes: readonly Scope[]
  expiresAt: Date | null
  /** Default: a random key. */
  key?: string
}

/** @returns the key, which cannot be read again later */
export async function createKey(trx: Trx, given: NewKey, now: Date): Promise<{ id: string; key: string }> {
  const team = await trx.selectFrom('teams').select('id').where('name', '=', given.team).executeTakeFirst()
  const teamId = team?.id ?? newId()
  if (!team) await trx.insertInto('teams').values({ id: teamId, name: given.team, created_at: now }).execute()
  const key = given.key ?? generateKey()
  const id = newId()
  await trx
    .insertInto('api_keys')
    .values({
      id,
      team_id: teamId,
      name: given.name,
      key_hash: hashKey(key),
      key_prefix: keyPrefix(key),
      scopes: [...given.scopes],
      expires_at: given.expiresAt,
      revoked_at: null,
      last_used_at: null,
      created_at: now,
    })
    .execute()
  return { id, key }
}

/** A key as it is listed. The key itself is not stored. */
export type ApiKey = Awaited<ReturnType<typeof listKeys>>[number]

export async function listKeys(db: Db) {
  return db
    .selectFrom('api_keys as key')
    .innerJoin('teams as team', 'team.id', 'key.team_id')
    .select([
      'key.id',
      'team.name as team',
      'key.name',
      'key.key_prefix as keyPrefix',
      'key.scopes',
      'key.expires_at as expiresAt',
      'key.revoked_at as revokedAt',
      'key.last_used_at as lastUsedAt',
      'key.created_at as createdAt',
    ])
    .orderBy('key.id')
    .execute()
}

/**
 * Revokes a key and announces it to every process.
 *
 * @returns its hash in hex; undefined when there is no such key
 */
export async function revokeKey(db: Db, id: string, now: Date): Promise<string | undefined> {
  return db.transaction().execute(async (trx) => {
    const revoked = await trx
      .updateTable('api_keys')
      .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(now)) }))
      .where('id', '=', id)
      .returning('key_hash as keyHash')
      .executeTakeFirst()
    if (!revoked) return undefined
    const keyHash = Buffer.from(revoked.keyHash).toString('hex')
    await keyChanges.announce(trx, [keyHash])
    return keyHash
  })
}

/** An arbitrary number that no other advisory lock uses. Processes that start together take turns with it. */
const firstStartLock = 7_206_114

/**
 * Creates the team `default` and its first key if there are no keys at all.
 *
 * @param bootstrapKey the key to create, instead of a random one
 * @returns the key if this call created it
 */
export async function ensureFirstKey(
  db: Db,
  clock: Clock,
  bootstrapKey: string | undefined,
): Promise<string | undefined> {
  return db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(${firstStartLock})`.execute(trx)
    if (await trx.selectFrom('api_keys').select('id').limit(1).executeTakeFirst()) return undefined
    const first = {
      name: 'first',
      team: 'default',
      scopes: ['*'] as const,
      expiresAt: null,
      key: bootstrapKey,
    }
    return (await createKey(trx, first, clock.now())).key
  })
}
