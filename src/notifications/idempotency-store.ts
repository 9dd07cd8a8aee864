import type { Db, Trx } from '../platform/db.ts'

const dayMs = 86_400_000

/** How long a key answers as the first request did. */
export const idempotencyKeyLifeMs = dayMs

/**
 * Takes a key for a request. A second request with the same key waits here until the first has committed.
 *
 * @returns undefined when the key is new, now taken by this transaction; else what it was taken for
 */
export async function takeIdempotencyKey(
  trx: Trx,
  appId: string,
  key: string,
  requestHash: Buffer,
  now: Date,
): Promise<{ requestHash: Uint8Array; response: unknown } | undefined> {
  await trx
    .deleteFrom('idempotency_keys')
    .where('app_id', '=', appId)
    .where('key', '=', key)
    .where('created_at', '<=', new Date(now.getTime() - idempotencyKeyLifeMs))
    .execute()
  const taken = await trx
    .insertInto('idempotency_keys')
    .values({ app_id: appId, key, request_hash: requestHash, response: 'null', created_at: now })
    .onConflict((conflict) => conflict.columns(['app_id', 'key']).doNothing())
    .executeTakeFirst()
  if (taken.numInsertedOrUpdatedRows === 1n) return undefined
  return trx
    .selectFrom('idempotency_keys')
    .select(['request_hash as requestHash', 'response'])
    .where('app_id', '=', appId)
    .where('key', '=', key)
    .executeTakeFirstOrThrow()
}

export async function keepResponse(trx: Trx, appId: string, key: string, response: unknown): Promise<void> {
  await trx
    .updateTable('idempotency_keys')
    .set({ response: JSON.stringify(response) })
    .where('app_id', '=', appId)
    .where('key', '=', key)
    .execute()
}

/** @returns how many went */
export async function deleteOldIdempotencyKeys(db: Db, now: Date): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('idempotency_keys')
    .where('created_at', '<=', new Date(now.getTime() - idempotencyKeyLifeMs))
    .executeTakeFirst()
  return Number(numDeletedRows)
}
