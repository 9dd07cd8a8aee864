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
  reason: string
}

/**
 * Brings the webhooks' failure counts up to date, and disables those whose time has come. Webhooks without a failure,
 * nearly all, cost one statement that touches no row unless they had been failing.
 *
 * @returns those that this call disabled
 */
export async function recordHealth(
  trx: Trx,
  webhooks: readonly WebhookSamples[],
  disableAfterSeconds: number,
  now: Date,
): Promise<Disabled[]> {
  const failing = webhooks.filter(({ samples }) => samples.some((sample) => !sample.succeeded))
  const fine = webhooks.filter((webhook) => !failing.includes(webhook))
  await clearFailures(trx, fine)
  return countFailures(trx, failing, disableAfterSeconds, now)
}

async function clearFailures(trx: Trx, webhooks: readonly WebhookSamples[]): Promise<void> {
  if (webhooks.length === 0) return
  await sql`
    update webhooks w set failure_count = 0, failing_since = null
    from json_to_recordset(${keysOf(webhooks)}::text::json) as key ("appId" uuid, "webhookId" uuid)
    where w.app_id = key."appId" and w.id = key."webhookId" and w.failure_count <> 0`.execute(trx)
}

async function countFailures(
  trx: Trx,
  webhooks: readonly WebhookSamples[],
  disableAfterSeconds: number,
  now: Date,
): Promise<Disabled[]> {
  if (webhooks.length === 0) return []
  // In the order of their ids, so that two processes that record the same webhooks never wait for each other.
  const { rows } = await sql<{
    id: string
    failureCount: number
    failingSince: Date | null
    enabled: boolean
  }>`
    select w.id, w.failure_count as "failureCount", w.failing_since as "failingSince", w.enabled
    from json_to_recordset(${keysOf(webhooks)}::text::json) as key ("appId" uuid, "webhookId" uuid)
    join webhooks w on w.app_id = key."appId" and w.id = key."webhookId"
    order by w.id for update of w`.execute(trx)
  const disabled: Disabled[] = []
  for (const row of rows) {
    const { appId, webhookId, samples } = webhooks.find((webhook) => webhook.webhookId === row.id)!
    const health = nextHealth(row, samples)
    const reason = row.enabled ? reasonToDisable(health, samples, disableAfterSeconds, now) : null
    await trx
      .updateTable('webhooks')
      .set({ failure_count: health.failureCount, failing_since: health.failingSince })
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
    if (reason) disabled.push({ appId, webhookId, reason })
  }
  return disabled
}

function keysOf(webhooks: readonly WebhookSamples[]): string {
  return JSON.stringify(webhooks.map(({ appId, webhookId }) => ({ appId, webhookId })))
}
