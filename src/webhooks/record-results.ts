import type { Deps } from '../deps.ts'
import { deliver } from '../pipeline.ts'
import { type Trx, together } from '../platform/db.ts'
import { announceDisabled } from './announce-disabled.ts'
import type { Attempt } from './attempt-delivery.ts'
import type { ClaimedDelivery, OpenJob } from './claimed-delivery.ts'
import { type AttemptRecord, cancelDeliveries, type DueDelivery, recordAttempts } from './delivery-store.ts'
import { enqueueDeliveries } from './enqueue-deliveries.ts'
import { type Disabled, lockChanging, recordHealth, type WebhookSamples } from './health-store.ts'
import { scheduleProbe } from './probe-job.ts'
import { type Decision, decideAfterAttempt } from './retry-policy.ts'

/**
 * What became of a claimed delivery.
 * - `attempted`: an attempt was made, of this delivery alone or of several in one request.
 * - `canceled`: the webhook was disabled or deleted since, or the delivery has ended.
 * - `released`: nothing was tried; it is to come back after `delaySeconds`.
 */
export type Result =
  | { kind: 'attempted'; claimed: ClaimedDelivery; delivery: DueDelivery; attempt: Attempt }
  | { kind: 'canceled'; claimed: ClaimedDelivery }
  | { kind: 'released'; claimed: ClaimedDelivery; delaySeconds: number }

type Attempted = Extract<Result, { kind: 'attempted' }>
type Decided = Attempted & { decision: Decision }

/** What recording did beyond the rows. */
export interface Recorded {
  /** Attempts not recorded: another of the same number is, by who claimed the delivery after us. */
  lapsed: number
  disabled: Disabled[]
}

/**
 * Records results in one transaction: attempts, deliveries, the webhooks' health, the Deliver messages of what is to be
 * tried again, and the end of those jobs that have no other delivery left.
 */
export async function recordResults(
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'random' | 'config'>,
  results: readonly Result[],
): Promise<Recorded> {
  const attempted = results.filter((result) => result.kind === 'attempted')
  const decided = firstOfEach(attempted).map((result) => ({ ...result, decision: decide(deps, result) }))
  const canceled = results.filter((result) => result.kind === 'canceled').map(({ claimed }) => claimed)
  return deps.db.transaction().execute(async (trx) => {
    const now = deps.clock.now()
    const [recorded, , locked] = await together([
      recordAttempts(trx, decided.map(toRecord)),
      cancelDeliveries(trx, canceled, now),
      // After all deliveries: the order in which every transaction locks them.
      lockChanging(trx, samplesOf(decided), now),
      deps.queue.settle(trx, deliver, jobsEndedBy(results)),
    ])
    const ours = decided.filter(({ delivery }) => recorded.has(delivery.id))
    const [disabled] = await together([
      recordHealth(trx, locked, samplesOf(ours), deps.config.disableAfterSeconds, now),
      enqueueAgain(trx, deps, results, ours),
    ])
    await announceDisabled(trx, deps, disabled, now)
    for (const { appId, webhookId, generation, autoRecover } of disabled) {
      if (autoRecover) await scheduleProbe(trx, deps, { appId, webhookId, generation, number: 0 })
    }
    return { lapsed: attempted.length - ours.length, disabled }
  })
}

/** Two jobs may have the same delivery, when a process died that had put it back. */
function firstOfEach(attempted: readonly Attempted[]): Attempted[] {
  return [...Map.groupBy(attempted, ({ delivery }) => delivery.id).values()].map(([first]) => first!)
}

function jobsEndedBy(results: readonly Result[]): OpenJob[] {
  const byJob = Map.groupBy(results, ({ claimed }) => claimed.job)
  return [...byJob].filter(([job, ofJob]) => ofJob.length === job.unrecorded).map(([job]) => job)
}

function decide(deps: Pick<Deps, 'config' | 'random'>, { attempt, delivery }: Attempted): Decision {
  const schedule = delivery.webhook.retrySchedule ?? deps.config.retryScheduleSeconds
  return decideAfterAttempt(delivery.attemptCount + 1, attempt.outcome, schedule, deps.random())
}

async function enqueueAgain(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  results: readonly Result[],
  ours: readonly Decided[],
): Promise<void> {
  const released = results.filter((result) => result.kind === 'released')
  const putBack = [...Map.groupBy(released, ({ claimed }) => claimed.job)].map(([{ message }, ofJob]) => ({
    ...message,
    deliveryIds: ofJob.map(({ claimed }) => claimed.id),
    delaySeconds: ofJob[0]!.delaySeconds,
  }))
  const retried = ours.flatMap(({ claimed: { id, job }, decision }) =>
    decision.kind === 'retry'
      ? [
          {
            ...job.message,
            deliveryIds: [id],
            attemptCount: job.message.attemptCount + 1,
            delaySeconds: decision.delaySeconds,
          },
        ]
      : [],
  )
  await enqueueDeliveries(trx, deps, [...putBack, ...retried])
}

const statusAfter = { succeeded: 'succeeded', retry: 'pending', failed: 'failed' } as const

function toRecord({ delivery, attempt, decision }: Decided): AttemptRecord {
  const { id, startedAt, durationMs, outcome } = attempt
  const endedAt = new Date(startedAt.getTime() + durationMs)
  const retry = decision.kind === 'retry'
  return {
    app_id: delivery.appId,
    delivery_id: delivery.id,
    number: delivery.attemptCount + 1,
    id,
    started_at: startedAt,
    duration_ms: durationMs,
    response_status: outcome.status,
    error: outcome.error,
    reason: outcome.reason,
    response_body: outcome.responseBody,
    status: statusAfter[decision.kind],
    next_attempt_at: retry ? new Date(endedAt.getTime() + decision.delaySeconds * 1_000) : null,
    finished_at: retry ? null : endedAt,
  }
}

function samplesOf(attempted: readonly Attempted[]): WebhookSamples[] {
  return [...Map.groupBy(attempted, ({ delivery }) => delivery.webhook.id)].map(([webhookId, results]) => ({
    appId: results[0]!.delivery.appId,
    webhookId,
    // A request counts once, however many events it carried.
    samples: [...new Set(results.map(({ attempt }) => attempt))].map((attempt) => ({
      succeeded: attempt.outcome.succeeded,
      gone: attempt.outcome.gone,
      at: new Date(attempt.startedAt.getTime() + attempt.durationMs),
    })),
  }))
}
