import { sql } from 'kysely'
import type { Trx } from '../platform/db.ts'

/** Turns subscribers inactive whose push service says that the token is gone. */
export async function invalidateSubscribers(
  trx: Trx,
  appId: string,
  ids: readonly string[],
  now: Date,
): Promise<void> {
  if (ids.length === 0) return
  await trx
    .updateTable('subscribers')
    .set({ status: 'inactive', inactive_reason: 'gone', updated_at: now })
    .where('app_id', '=', appId)
    .where(sql<boolean>`id = any(${sql.val(ids)}::uuid[])`)
    .where('status', '=', 'active')
    .execute()
}
