import type { Db } from '../../platform/db/db.ts'
import { type DueWebhook, selectDueWebhooks } from '../delivery-store.ts'

/** Identifies the disabling that a probe belongs to. A webhook enabled and disabled again has another probe. */
export interface ProbeKey {
  appId: string
  webhookId: string
  generation: number
}

/** @returns undefined when the webhook is not to be probed: it is gone, enabled, or no longer recovers by itself */
export async function readProbedWebhook(
  db: Db,
  { appId, webhookId, generation }: ProbeKey,
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
