import type { Deps } from '../deps.ts'
import { type ProbeWebhook, probeWebhook } from '../pipeline.ts'
import type { Trx } from '../platform/db/db.ts'

const firstProbeSeconds = 60
const maxProbeSeconds = 86_400

/**
 * Asks for the next probe of a webhook that was disabled because of its attempts: after a minute, doubling to a day.
 *
 * @param number how many were made already
 */
export async function scheduleProbe(
  trx: Trx,
  { queue }: Pick<Deps, 'queue'>,
  message: ProbeWebhook,
): Promise<void> {
  const delaySeconds = Math.min(maxProbeSeconds, firstProbeSeconds * 2 ** message.number)
  // The webhook's id: there is one probe of it at a time.
  await queue.enqueue(trx, probeWebhook, [{ id: message.webhookId, delaySeconds, message }])
}
