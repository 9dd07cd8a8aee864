import type { Deps } from '../../deps.ts'
import type { EventType } from '../../events/catalog.ts'
import { type ProbeWebhook, probeWebhook } from '../../pipeline.ts'
import type { Trx } from '../../platform/db/db.ts'
import type { ClaimedJob } from '../../platform/queue.ts'
import { attemptMessage } from '../attempt/attempt-delivery.ts'
import { toTarget } from '../attempt/target.ts'
import { sampleMessage } from '../test/sample-message.ts'
import { readProbedWebhook, recoverWebhook } from './probe-store.ts'

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

/** ProbeWebhook → a test delivery; when it is answered with 2xx the webhook is enabled again, else probed later. */
export async function runProbe(
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'config' | 'crypto' | 'log' | 'outbound' | 'version'>,
  job: ClaimedJob<ProbeWebhook>,
): Promise<void> {
  const { message } = job
  const webhook = await readProbedWebhook(deps.db, message, deps.clock.now())
  const type = (webhook?.events[0] ?? 'notification.sent') as EventType
  const attempt =
    webhook &&
    (await attemptMessage(
      deps,
      sampleMessage(type, message.appId, deps.clock.now(), webhook.batch !== null),
      toTarget(deps, webhook),
    ))
  const succeeded = attempt?.outcome.succeeded === true
  await deps.db.transaction().execute(async (trx) => {
    const settled = await deps.queue.settle(trx, probeWebhook, [job])
    if (!settled.has(job.id) || !webhook) return
    if (succeeded) await recoverWebhook(trx, message, deps.clock.now())
    else await scheduleProbe(trx, deps, { ...message, number: message.number + 1 })
  })
  if (attempt) {
    const { status, error, reason } = attempt.outcome
    deps.log.info({ ...message, succeeded, status, error, reason, ms: attempt.durationMs }, 'webhook.probed')
  }
}
