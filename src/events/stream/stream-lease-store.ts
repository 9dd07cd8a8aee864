import { holdApp } from '../../apps/app-store.ts'
import type { Db } from '../../platform/db/db.ts'

/**
 * Lets the events of an app be kept until `expiresAt` although no webhook may name them. Leases of the app that have
 * lapsed go, so that streams of the past leave nothing behind.
 *
 * @param id the stream's: calling again renews its lease
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
