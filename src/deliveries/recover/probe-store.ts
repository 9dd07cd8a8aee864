import type { ProbeWebhook } from '../../pipeline.ts'
import type { Db } from '../../platform/db/db.ts'
import { type DueWebhook, selectDueWebhooks } from '../delivery-store.ts'

/**
 * Reads the webhook of a probe, which belongs to one disabling: one that was enabled and disabled again has another.
 *
 * @returns undefined when the webhook is not to be probed: it is gone, enabled, or no longer recovers by itself
 */
export async function readProbedWebhook(
  db: Db,
  { appId, webhookId, generation }: Omit<ProbeWebhook, 'number'>,
  now: Date,
): Promise<(DueWebhook & { events: string[] }) | undefined> {
  return selectDueWebhooks(db, now)
    .select('events')
    .where('app_id', '=', appId)
    .where('id', '=', webhookId)
    .where('generation', '=', generation)
    .where('enabled', '=', false)
    .where('auto_recover', '=', true)
    .executeTakeFirst()
}
