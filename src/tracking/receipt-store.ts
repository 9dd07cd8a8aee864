import { sql } from 'kysely'
import type { TrackedPush } from '../channels/web-push/tracking-token.ts'
import type { Trx } from '../platform/db/db.ts'
import type { ReceiptKind } from './report.ts'

/**
 * Stores receipts of one kind for pushes.
 *
 * @param reports at most one for each push, in the order in which to lock the rows
 * @returns the reports that were not stored before
 */
export async function insertReceipts<Report extends TrackedPush & { at: Date }>(
  trx: Trx,
  kind: ReceiptKind,
  reports: readonly Report[],
): Promise<Report[]> {
  if (reports.length === 0) return []
  const column = sql.ref(`${kind}_at`)
  const rows = reports.map(({ appId, notificationId, subscriberId, at }, index) => {
    return { appId, notificationId, subscriberId, at, index }
  })
  const noted = await sql<{ notificationId: string; subscriberId: string }>`
    insert into receipts as receipt (app_id, notification_id, subscriber_id, ${column})
    select "appId", "notificationId", "subscriberId", at
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row ("appId" uuid, "notificationId" uuid, "subscriberId" uuid, at timestamptz, index int)
    order by index
    on conflict (app_id, notification_id, subscriber_id) do update set ${column} = excluded.${column}
      where receipt.${column} is null
    returning notification_id as "notificationId", subscriber_id as "subscriberId"`.execute(trx)
  const isNoted = new Set(noted.rows.map(({ notificationId, subscriberId }) => notificationId + subscriberId))
  return reports.filter(({ notificationId, subscriberId }) => isNoted.has(notificationId + subscriberId))
}
