import type { Deps } from '../deps.ts'
import { deliver } from '../pipeline.ts'
import type { Trx } from '../platform/db.ts'
import type { Attempt, DeliverJob } from './attempt-delivery.ts'
import { type AttemptRecord, cancelDeliveries, type DueDelivery, recordAttempts } from './delivery-store.ts'
import { type Disabled, recordHealth, type WebhookSamples } from './health-store.ts'
import { scheduleProbe } from './probe-job.ts'
import { type Decision, decideAfterAttempt } from './retry-policy.ts'

/**
 * What became of a claimed job.
 * - `attempted`: an attempt was made, of this delivery alone or of several in one request.
 * - `canceled`: the webhook was disabled or deleted since, or the delivery has ended.
 * - `released`: nothing was tried; it is to come back after `delaySeconds`.
 */
export type Result =
  | { kind: 'attempted'; job: DeliverJob; delivery: DueDelivery; attempt: Attempt }
  | { kind: 'canceled'; job: DeliverJob }
  | { kind: 'released'; job: DeliverJob; delaySeconds: number }

type Attempted = Extract<Result, { kind: 'attempted' }>

/** What recording did beyond the rows. */
export interface Recorded {
  /** Jobs whose claim had lapsed: another process has them, and nothing of them was recorded. */
  lapsed: number
  disabled: Disabled[]
}

/**
 * Records results in one transaction: the jobs' end, attempts, deliveries, the webhooks' health, and the Deliver
 * messages of what is to be tried again.
 */
export async function recordResults(
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'config'>,
  results: readonly Result[],
): Promise<Recorded> {
  return deps.db.transaction().execute(async (trx) => {
    const now = deps.clock.now()
    const jobs = results.map((result) => result.job)
    const settled = await deps.queue.settle(trx, deliver, jobs)
    const ours = results.filter((result) => settled.has(result.job.id))
    const decided = ours
      .filter((result) => result.kind === 'attempted')
      .map((result) => ({ ...result, decision: decide(deps, result) }))

    await recordAttempts(
      trx,
      decided.map(({ decision, ...result }) => toRecord(result, decision)),
    )
    const canceled = ours.filter((result) => result.kind === 'canceled')
    await cancelDeliveries(
      trx,
      canceled.map(({ job }) => ({ appId: job.message.appId, id: job.id })),
      now,
    )
    const disabled = await recordHealth(trx, samplesOf(decided), deps.config.disableAfterSeconds, now)
    await enqueueAgain(trx, deps, ours, decided)
    for (const { appId, webhookId, generation, autoRecover } of disabled) {
      if (autoRecover) await scheduleProbe(trx, deps, { appId, webhookId, generation, number: 0 })
    }
    return { lapsed: results.length - ours.length, disabled }
  })
}

function decide(deps: Pick<Deps, 'config'>, { attempt, delivery }: Attempted): Decision {
  const schedule = delivery.webhook.retrySchedule ?? deps.config.retryScheduleSeconds
  return decideAfterAttempt(delivery.attemptCount + 1, attempt.outcome, schedule, Math.random())
}

async function enqueueAgain(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  ours: readonly Result[],
  decided: readonly { job: DeliverJob; decision: Decision }[],
): Promise<void> {
  const released = ours.filter((result) => result.kind === 'released')
  const retried = decided.flatMap(({ job, decision }) =>
    decision.kind === 'retry' ? [{ job, delaySeconds: decision.delaySeconds }] : [],
  )
  const again = [...released, ...retried].map(({ job, delaySeconds }) => ({
    id: job.id,
    group: job.group ?? undefined,
    delaySeconds,
    message: job.message,
  }))
  await deps.queue.enqueue(trx, deliver, again)
}

const statusAfter = { succeeded: 'succeeded', retry: 'pending', failed: 'failed' } as const

function toRecord({ job, delivery, attempt }: Attempted, decision: Decision): AttemptRecord {
  const { id, startedAt, durationMs, outcome } = attempt
  const endedAt = new Date(startedAt.getTime() + durationMs)
  const retry = decision.kind === 'retry'
  return {
    app_id: job.message.appId,
    delivery_id: job.id,
    number: delivery.attemptCount + 1,
    id,
    started_at: startedAt,
    duration_ms: durationMs,
    response_status: outcome.status,
    error: outcome.error,
    response_body: outcome.responseBody,
    status: statusAfter[decision.kind],
    next_attempt_at: retry ? new Date(endedAt.getTime() + decision.delaySeconds * 1_000) : null,
    finished_at: retry ? null : endedAt,
  }
}

function samplesOf(attempted: readonly Attempted[]): WebhookSamples[] {
  return [...Map.groupBy(attempted, ({ delivery }) => delivery.webhook.id)].map(([webhookId, results]) => ({
    appId: results[0]!.job.message.appId,
    webhookId,
    // A request counts once, however many events it carried.
    samples: [...new Set(results.map(({ attempt }) => attempt))].map((attempt) => ({
      succeeded: attempt.outcome.succeeded,
      gone: attempt.outcome.gone,
      at: new Date(attempt.startedAt.getTime() + attempt.durationMs),
    })),
  }))
}
