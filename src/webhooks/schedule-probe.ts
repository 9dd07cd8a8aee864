import type { Deps } from '../deps.ts'
import type { Trx } from '../platform/db/db.ts'
import { type ProbeWebhook, probeWebhook } from '../queues.ts'

const firstProbeSeconds = 60
const maxProbeSeconds = 86_400

/**
 * Schedules the next probe of a webhook that failures disabled: after a minute, doubling up to a day.
 *
 * @param number how many probes were made already
 */
export async function scheduleProbe(
  trx: Trx,
  { queue }: Pick<Deps, 'queue'>,
  message: ProbeWebhook,
): Promise<void> {
  const delaySeconds = Math.min(maxProbeSeconds, firstProbeSeconds * 2 ** message.number)
  // The job's id is the webhook's, so that a webhook has one probe at a time.
  await queue.enqueue(trx, probeWebhook, [{ id: message.webhookId, delaySeconds, message }])
}
