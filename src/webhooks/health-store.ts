import { sql } from 'kysely'
import type { Trx } from '../platform/db.ts'
import { type HealthSample, nextHealth, reasonToDisable } from './webhook-health.ts'

/** The attempts of one webhook that a transaction records, in the order in which they ended. */
export interface WebhookSamples {
  appId: string
  webhookId: string
  samples: HealthSample[]
}

/** A webhook that was disabled because of its attempts. */
export interface Disabled {
  appId: string
  webhookId: string
  url: string
  reason: string
  failureCount: number
  /** Of the webhook, from now on. */
  generation: number
  autoRecover: boolean
}

/** A webhook's row as it is until the transaction ends. */
export interface LockedWebhook {
  id: string
  url: string
  failureCount: number
  failingSince: Date | null
  enabled: boolean
  generation: number
  autoRecover: boolean
}

/** `last_triggered_at` is kept to the second, which is what the API shows: a healthy webhook's row rests in between. */
const triggeredStepMs = 1_000

/**
 * Brings the failure counts and times of locked webhooks up to date, and disables those whose time has come.
 *
 * @param locked by {@link lockChanging} in this transaction, for these samples or for more
 * @returns those that this call disabled
 */
export async function recordHealth(
  trx: Trx,
  locked: readonly LockedWebhook[],
  webhooks: readonly WebhookSamples[],
  disableAfterSeconds: number,
  now: Date,
): Promise<Disabled[]> {
  const disabled: Disabled[] = []
  for (const row of locked) {
    const found = webhooks.find((webhook) => webhook.webhookId === row.id)
    if (!found) continue
    const { appId, webhookId, samples } = found
    const health = nextHealth(row, samples)
    const reason = row.enabled ? reasonToDisable(health, samples, disableAfterSeconds, now) : null
    await trx
      .updateTable('webhooks')
      .set({
        failure_count: health.failureCount,
        failing_since: health.failingSince,
        last_triggered_at: samples.at(-1)!.at,
      })
      .$if(reason !== null, (query) =>
        query.set((eb) => ({
          enabled: false,
          generation: eb('generation', '+', 1),
          disabled_at: now,
          disabled_reason: reason,
          updated_at: now,
        })),
      )
      .where('app_id', '=', appId)
      .where('id', '=', webhookId)
      .execute()
    const { url, generation, autoRecover } = row
    const { failureCount } = health
    if (reason) {
      disabled.push({ appId, webhookId, url, reason, failureCount, generation: generation + 1, autoRecover })
    }
  }
  return disabled
}

/**
 * Of the webhooks, those whose row changes: a failure, the first success after one, or a second has passed. In the
 * order of their ids, so that two processes that record the same webhooks never wait for each other.
 */
export async function lockChanging(
  trx: Trx,
  webhooks: readonly WebhookSamples[],
  now: Date,
): Promise<LockedWebhook[]> {
  if (webhooks.length === 0) return []
  const keys = webhooks.map(({ appId, webhookId, samples }) => ({
    appId,
    webhookId,
    failed: samples.some((sample) => !sample.succeeded),
  }))
  const { rows } = await sql<LockedWebhook>`
    select w.id, w.url, w.failure_count as "failureCount", w.failing_since as "failingSince", w.enabled,
      w.generation, w.auto_recover as "autoRecover"
    from json_to_recordset(${JSON.stringify(keys)}::text::json) as key ("appId" uuid, "webhookId" uuid, failed bool)
    join webhooks w on w.app_id = key."appId" and w.id = key."webhookId"
    where key.failed or w.failure_count <> 0 or w.last_triggered_at is null
      or w.last_triggered_at <= ${new Date(now.getTime() - triggeredStepMs)}
    order by w.id for update of w`.execute(trx)
  return rows
}
