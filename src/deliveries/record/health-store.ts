import { sql } from 'kysely'
import type { Trx } from '../../platform/db/db.ts'
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
 * Brings the failure counts and times of locked webhooks up to date, and disables those whose time has come: one
 * statement, however many they are.
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
  const samplesById = new Map(webhooks.map((webhook) => [webhook.webhookId, webhook]))
  const changes = locked.flatMap((row) => {
    const found = samplesById.get(row.id)
    return found ? [toChange(row, found, disableAfterSeconds, now)] : []
  })
  if (changes.length === 0) return []
  await sql`
    update webhooks w set failure_count = row.failure_count, failing_since = row.failing_since,
      last_triggered_at = row.last_triggered_at,
      enabled = w.enabled and row.reason is null,
      generation = w.generation + (row.reason is not null)::int,
      disabled_at = case when row.reason is null then w.disabled_at else ${now}::timestamptz end,
      disabled_reason = coalesce(row.reason, w.disabled_reason),
      updated_at = case when row.reason is null then w.updated_at else ${now}::timestamptz end
    from json_to_recordset(${JSON.stringify(changes)}::text::json) as row (app_id uuid, id uuid, failure_count int,
      failing_since timestamptz, last_triggered_at timestamptz, reason text)
    where w.app_id = row.app_id and w.id = row.id`.execute(trx)
  return changes.flatMap(
    ({ app_id: appId, id: webhookId, url, reason, failure_count: failureCount, ...row }) =>
      reason
        ? [
            {
              appId,
              webhookId,
              url,
              reason,
              failureCount,
              generation: row.generation + 1,
              autoRecover: row.autoRecover,
            },
          ]
        : [],
  )
}

function toChange(
  row: LockedWebhook,
  { appId, samples }: WebhookSamples,
  disableAfterSeconds: number,
  now: Date,
) {
  const health = nextHealth(row, samples)
  return {
    app_id: appId,
    id: row.id,
    failure_count: health.failureCount,
    failing_since: health.failingSince,
    last_triggered_at: samples.at(-1)!.at,
    reason: row.enabled ? reasonToDisable(health, samples, disableAfterSeconds, now) : null,
    url: row.url,
    generation: row.generation,
    autoRecover: row.autoRecover,
  }
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
