import { findLockedApps } from '../../apps/app-lock-store.ts'
import type { Deps } from '../../deps.ts'
import { pipelined } from '../../platform/db/db.ts'
import { scheduleProbe } from '../../webhooks/schedule-probe.ts'
import type { Attempt } from '../attempt/attempt-delivery.ts'
import { type AttemptRecord, cancelDeliveries, recordAttempts } from '../delivery-store.ts'
import type { DueWebhook } from '../due-webhook-store.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import { announceDisabled } from './announce-disabled.ts'
import { lockChanging } from './changing-webhook-store.ts'
import { type Disabled, recordHealth, type WebhookSamples } from './record-health.ts'
import { type Decision, decideAfterAttempt } from './retry-policy.ts'

/**
 * The result of a pending delivery.
 * - `attempted`: an attempt was made, of this delivery alone or of several in one request.
 * - `canceled`: its webhook was disabled or deleted since it was created, or its replay was canceled.
 */
export type Result =
  | { kind: 'attempted'; delivery: PendingDelivery; webhook: DueWebhook; attempt: Attempt }
  | { kind: 'canceled'; delivery: PendingDelivery }

type Attempted = Extract<Result, { kind: 'attempted' }>
type Decided = Attempted & { decision: Decision }

/** A delivery whose result is recorded or given up. */
export interface RecordedDelivery {
  webhookId: string
  id: string
  /** When the delivery is to be attempted again, milliseconds since the epoch; null: it has ended. */
  dueAgainAtMs: number | null
  /** Set when nothing was stored: until `dueAgainAtMs`, the database still shows the delivery as due. */
  isGivenUp?: true
}

/** The effects of recording some results. */
export interface Recorded {
  deliveries: RecordedDelivery[]
  /** Attempts not recorded, because the process that took the lane over recorded one of the same number. */
  lapsed: number
  disabled: Disabled[]
}

/** How long deliveries are set aside whose app is being deleted. Usually they are gone then. */
const endingPauseMs = 30_000

/**
 * Records results in one transaction and a fixed number of statements: attempts, deliveries and the webhooks' health.
 * For a retry, only the delivery's next attempt time is set.
 */
export async function recordResults(
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'random' | 'config'>,
  results: readonly Result[],
): Promise<Recorded> {
  const attempted = results.filter((result) => result.kind === 'attempted')
  const decided = firstOfEach(attempted).map((result) => ({ ...result, decision: decide(deps, result) }))
  const canceled = results.filter((result) => result.kind === 'canceled').map(({ delivery }) => delivery)
  return deps.db.transaction().execute(async (trx) => {
    const now = deps.clock.now()
    const records = decided.map(toRecord)
    const [recorded, , locked] = await pipelined([
      recordAttempts(trx, records),
      cancelDeliveries(trx, canceled, now),
      // Webhooks are locked after all deliveries: every transaction locks in this order.
      lockChanging(trx, samplesOf(decided).map(toAttempted), now),
    ])
    const ours = decided.filter(({ delivery }) => recorded.has(delivery.id))
    const others = decided.filter(({ delivery }) => !recorded.has(delivery.id))
    const ending = await findLockedApps(
      trx,
      others.map(({ delivery }) => delivery.appId),
    )
    const disabled = await recordHealth(trx, locked, samplesOf(ours), deps.config.disableAfterSeconds, now)
    await announceDisabled(trx, deps, disabled, now)
    for (const { appId, webhookId, generation, autoRecover } of disabled) {
      if (autoRecover) await scheduleProbe(trx, deps, { appId, webhookId, generation, number: 0 })
    }
    const dueAgain = new Map(
      records.map(({ delivery_id: id, next_attempt_at: at }) => [id, at?.getTime() ?? null]),
    )
    const waiting = others.filter(({ delivery }) => ending.has(delivery.appId)).length
    return {
      deliveries: results.map(({ delivery: { appId, webhookId, id } }) =>
        ending.has(appId)
          ? { webhookId, id, dueAgainAtMs: now.getTime() + endingPauseMs, isGivenUp: true }
          : { webhookId, id, dueAgainAtMs: dueAgain.get(id) ?? null },
      ),
      lapsed: attempted.length - ours.length - waiting,
      disabled,
    }
  })
}

/** A lane that this process lost and regained may have a delivery twice. */
function firstOfEach(attempted: readonly Attempted[]): Attempted[] {
  return [...Map.groupBy(attempted, ({ delivery }) => delivery.id).values()].map(([first]) => first!)
}

function decide(deps: Pick<Deps, 'config' | 'random'>, { attempt, delivery, webhook }: Attempted): Decision {
  const schedule = webhook.retrySchedule ?? deps.config.retryScheduleSeconds
  return decideAfterAttempt(delivery.attemptCount + 1, attempt.outcome, schedule, deps.random())
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

function toAttempted({ appId, webhookId, samples }: WebhookSamples) {
  return { appId, webhookId, failed: samples.some(({ succeeded }) => !succeeded) }
}

function samplesOf(attempted: readonly Attempted[]): WebhookSamples[] {
  return [...Map.groupBy(attempted, ({ webhook }) => webhook.id)].map(([webhookId, results]) => ({
    appId: results[0]!.delivery.appId,
    webhookId,
    // A request counts once, however many events it carried.
    samples: [...new Map(results.map((result) => [result.attempt, result])).values()].map(
      ({ attempt, webhook }) => ({
        url: webhook.url,
        generation: webhook.generation,
        succeeded: attempt.outcome.succeeded,
        gone: attempt.outcome.gone,
        at: new Date(attempt.startedAt.getTime() + attempt.durationMs),
      }),
    ),
  }))
}
