import { type RawBuilder, sql } from 'kysely'
import type { Platform } from '../database.ts'
import type { Db } from '../platform/db.ts'

/** A subscriber as the channels need it, and as events name it. */
export interface AudienceMember {
  id: string
  userId: string | null
  platform: Platform
  token: string
  p256dh: Uint8Array | null
  auth: Uint8Array | null
}

const members = (db: Db, appId: string) =>
  db
    .selectFrom('subscribers')
    .select(['id', 'user_id as userId', 'platform', 'token', 'p256dh', 'auth'])
    .where('app_id', '=', appId)
    .where('status', '=', 'active')
    .orderBy('id')

/**
 * One page of an audience: the active subscribers in a key range that the targeting still fits. Those who left since
 * the range was cut are not in it.
 *
 * @param range first and last id, both inclusive
 */
export async function readAudiencePage(
  db: Db,
  appId: string,
  range: { first: string; last: string },
  condition: RawBuilder<boolean>,
): Promise<AudienceMember[]> {
  return members(db, appId)
    .where('id', '>=', range.first)
    .where('id', '<=', range.last)
    .where(condition)
    .execute()
}

/** The given subscribers, as far as they are still active. */
export async function readAudienceMembers(
  db: Db,
  appId: string,
  ids: readonly string[],
): Promise<AudienceMember[]> {
  return members(db, appId)
    .where(sql<boolean>`id = any(${sql.val(ids)}::uuid[])`)
    .execute()
}
