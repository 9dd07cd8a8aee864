import { holdApp } from '../../apps/app-lock-store.ts'
import type { Db } from '../../platform/db/db.ts'

/**
 * Has the events of an app stored until `expiresAt`, even if no webhook names them. Also deletes the app's expired
 * leases, so that past streams leave nothing behind.
 *
 * @param id the stream's id; a further call renews its lease
 * @returns false when the app is gone
 */
export async function takeLease(
  db: Db,
  { appId, id, expiresAt }: { appId: string; id: string; expiresAt: Date },
  now: Date,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (!(await holdApp(trx, appId))) return false
    await trx
      .insertInto('event_streams')
      .values({ app_id: appId, id, expires_at: expiresAt })
      .onConflict((conflict) => conflict.columns(['app_id', 'id']).doUpdateSet({ expires_at: expiresAt }))
      .execute()
    await trx
      .deleteFrom('event_streams')
      .where('app_id', '=', appId)
      .where('expires_at', '<=', now)
      .where('id', '!=', id)
      .execute()
    return true
  })
}
