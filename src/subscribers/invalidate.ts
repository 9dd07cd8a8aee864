import { sql } from 'kysely'
import type { Trx } from '../platform/db/db.ts'

/** Turns subscribers of any apps inactive whose push service says that the token is gone, in one statement. */
export async function invalidateSubscribers(
  trx: Trx,
  gone: readonly { appId: string; subscriberId: string }[],
  now: Date,
): Promise<void> {
  if (gone.length === 0) return
  const rows = gone.map(({ appId, subscriberId }) => ({ app_id: appId, id: subscriberId }))
  await sql`
    update subscribers set status = 'inactive', inactive_reason = 'gone', updated_at = ${now}
    where status = 'active' and (app_id, id) in (
      select app_id, id from json_to_recordset(${JSON.stringify(rows)}::text::json) as key (app_id uuid, id uuid))`.execute(
    trx,
  )
}
