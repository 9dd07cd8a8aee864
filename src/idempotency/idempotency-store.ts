import { dayMs } from '../platform/clock.ts'
import type { Db, Trx } from '../platform/db/db.ts'

/** How long a key answers as the first request did. */
const idempotencyKeyLifeMs = dayMs

/** A key of a client. */
export interface KeyOfRequest {
  /** The app that the request changes; for one that creates an app, the team. */
  scopeId: string
  key: string
}

/** What a key was used for. */
export interface KeptAnswer {
  fingerprint: Uint8Array
  status: number | null
  /** Encrypted at rest: it may hold a secret. */
  answer: Uint8Array | null
}

/** What the key was used for in the last 24 hours; undefined: nothing that has committed. */
export async function findAnswer(
  db: Db,
  { scopeId, key }: KeyOfRequest,
  now: Date,
): Promise<KeptAnswer | undefined> {
  return db
    .selectFrom('idempotency_keys')
    .select(['request_hash as fingerprint', 'status', 'answer'])
    .where('app_id', '=', scopeId)
    .where('key', '=', key)
    .where('created_at', '>', new Date(now.getTime() - idempotencyKeyLifeMs))
    .executeTakeFirst()
}

/**
 * Takes a key for a request. A second request with the same key waits here until the first has committed.
 *
 * @returns undefined when the key is new or expired, now taken by this transaction; else what it was used for
 */
export async function takeKey(
  trx: Trx,
  { scopeId, key }: KeyOfRequest,
  fingerprint: Buffer,
  now: Date,
): Promise<KeptAnswer | undefined> {
  const row = { request_hash: fingerprint, status: null, answer: null, created_at: now }
  const taken = await trx
    .insertInto('idempotency_keys')
    .values({ app_id: scopeId, key, ...row })
    .onConflict((conflict) =>
      conflict
        .columns(['app_id', 'key'])
        .doUpdateSet(row)
        .where('idempotency_keys.created_at', '<=', new Date(now.getTime() - idempotencyKeyLifeMs)),
    )
    .executeTakeFirst()
  if (taken.numInsertedOrUpdatedRows === 1n) return undefined
  return findAnswer(trx, { scopeId, key }, now)
}

/** Keeps the answer of the request that {@link takeKey} took the key for. */
export async function keepAnswer(
  trx: Trx,
  { scopeId, key }: KeyOfRequest,
  status: number,
  answer: Buffer,
): Promise<void> {
  await trx
    .updateTable('idempotency_keys')
    .set({ status, answer })
    .where('app_id', '=', scopeId)
    .where('key', '=', key)
    .execute()
}

/** Part of deleting an app. */
export async function deleteKeysOfApp(trx: Trx, appId: string): Promise<void> {
  await trx.deleteFrom('idempotency_keys').where('app_id', '=', appId).execute()
}

/** @returns how many went */
export async function deleteOldIdempotencyKeys(db: Db, now: Date): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('idempotency_keys')
    .where('created_at', '<=', new Date(now.getTime() - idempotencyKeyLifeMs))
    .executeTakeFirst()
  return Number(numDeletedRows)
}
