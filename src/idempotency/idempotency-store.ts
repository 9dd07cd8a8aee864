import { dayMs } from '../platform/clock.ts'
import type { Db, Trx } from '../platform/db/db.ts'

/** How long a key repeats the first request's answer. */
const idempotencyKeyLifeMs = dayMs

/** An `Idempotency-Key` that a client sent. */
export interface SentIdempotencyKey {
  /** The app that the request changes; the team if the request creates an app. */
  scopeId: string
  key: string
}

/** The request that used a key, and its answer, which is encrypted at rest: it may hold a secret. */
export type KeptAnswer = NonNullable<Awaited<ReturnType<typeof findAnswer>>>

/** The key's use in the last 24 hours; undefined: no request with it has committed. */
export async function findAnswer(db: Db, { scopeId, key }: SentIdempotencyKey, now: Date) {
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
 * @returns undefined when the key was new or expired and this transaction has taken it; else the key's earlier use
 */
export async function takeKey(
  trx: Trx,
  { scopeId, key }: SentIdempotencyKey,
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

/** Stores the answer of the request that {@link takeKey} took the key for. */
export async function keepAnswer(
  trx: Trx,
  { scopeId, key }: SentIdempotencyKey,
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

/** @returns how many were deleted */
export async function deleteOldIdempotencyKeys(db: Db, now: Date): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('idempotency_keys')
    .where('created_at', '<=', new Date(now.getTime() - idempotencyKeyLifeMs))
    .executeTakeFirst()
  return Number(numDeletedRows)
}
