import type { Db } from '../../platform/db/db.ts'
import { type DueWebhook, selectDueWebhooks } from '../delivery-store.ts'

/** Which disabling a probe is about: a webhook enabled since, and disabled again, is another's. */
export interface ProbeKey {
  appId: string
  webhookId: string
  generation: number
}

/** @returns undefined when the webhook is not to be probed: gone, enabled, or no longer to recover by itself */
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
