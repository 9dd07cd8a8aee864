import type { Deps } from '../../deps.ts'
import type { ClaimedJob } from '../../platform/queue.ts'
import { type ProbeWebhook, probeWebhook } from '../../queues.ts'
import { scheduleProbe } from '../../webhooks/schedule-probe.ts'
import { recoverWebhook } from '../../webhooks/webhook-store.ts'
import { attemptMessage } from '../attempt/attempt-delivery.ts'
import { readProbedWebhook } from '../due-webhook-store.ts'
import { toLaneTarget } from '../lane/lane-target.ts'
import { firstKnown, sampleMessage } from '../test/sample-message.ts'

/** Handles a probe: sends a test delivery. A 2xx answer enables the webhook again; otherwise it is probed later. */
export async function runProbe(
  deps: Pick<
    Deps,
    'db' | 'queue' | 'clock' | 'config' | 'crypto' | 'log' | 'outbound' | 'traces' | 'version'
  >,
  job: ClaimedJob<ProbeWebhook>,
): Promise<void> {
  const { message } = job
  const webhook = await readProbedWebhook(deps.db, message, deps.clock.now())
  const known = webhook && toLaneTarget(deps, webhook)
  const attempt =
    known &&
    (await attemptMessage(
      deps,
      sampleMessage(firstKnown(webhook.events), message.appId, deps.clock.now(), webhook.batch !== null),
      known.target,
    ))
  const succeeded = attempt?.outcome.succeeded === true
  await deps.db.transaction().execute(async (trx) => {
    const isOurs = await deps.queue.settle(trx, probeWebhook, job)
    if (!isOurs || !webhook) return
    if (succeeded) await recoverWebhook(trx, message, deps.clock.now())
    else await scheduleProbe(trx, deps, { ...message, number: message.number + 1 })
  })
  if (attempt) {
    const { status, error, reason } = attempt.outcome
    deps.log.info({ ...message, succeeded, status, error, reason, ms: attempt.durationMs }, 'webhook.probed')
  }
}
