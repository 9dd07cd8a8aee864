import { appChanges, appDeletions, laneChanges, laneName } from '../announcements.ts'
import { deleteKeysOfApp } from '../idempotency/idempotency-store.ts'
import type { Trx } from '../platform/db/db.ts'

/**
 * Deletes an app and everything that belongs to it. It first waits for transactions that hold the app, so that nothing
 * is added meanwhile. It deletes deliveries before webhooks, the order in which results are recorded.
 */
export async function deleteApp(trx: Trx, id: string): Promise<void> {
  // A request takes its key first and then holds the app. Locking the app before the keys could deadlock with it.
  await deleteKeysOfApp(trx, id)
  await trx.selectFrom('apps').select('id').where('id', '=', id).forUpdate().execute()
  await trx.deleteFrom('deliveries').where('app_id', '=', id).execute()
  await trx.deleteFrom('attempts').where('app_id', '=', id).execute()
  await trx.deleteFrom('events').where('app_id', '=', id).execute()
  await deleteKeysOfApp(trx, id)
  await trx.deleteFrom('receipts').where('app_id', '=', id).execute()
  const webhooks = await trx.deleteFrom('webhooks').where('app_id', '=', id).returning('id').execute()
  await laneChanges.announce(
    trx,
    webhooks.map((webhook) => laneName({ appId: id, webhookId: webhook.id })),
  )
  await trx.deleteFrom('apps').where('id', '=', id).execute()
  await appChanges.announce(trx, [id])
  await appDeletions.announce(trx, [id])
}
