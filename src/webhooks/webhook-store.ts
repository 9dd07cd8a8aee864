import { sql } from 'kysely'
import { laneChanges, laneName } from '../announcements.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { previousSecret } from '../platform/db/previous-secret.ts'
import { type Webhook, webhookColumns } from './webhook-reader-store.ts'
import { disabledByOwner, noFailures, type WebhookChange } from './webhook-state.ts'

export interface NewWebhook extends WebhookChange {
  id: string
  appId: string
  url: string
  events: string[]
  enabled: boolean
}

export async function insertWebhook(db: Db, webhook: NewWebhook, now: Date): Promise<Webhook> {
  const { id, appId, ...settings } = webhook
  return db
    .insertInto('webhooks')
    .values({
      app_id: appId,
      id,
      ...settings,
      ...(!settings.enabled && disabledByOwner(now)),
      created_at: now,
      updated_at: now,
    })
    .returning(webhookColumns)
    .executeTakeFirstOrThrow()
}

/** @param change of a locked webhook, as decided by {@link decideChange} */
export async function updateWebhook(
  trx: Trx,
  { appId, id }: Pick<Webhook, 'appId' | 'id'>,
  change: WebhookChange,
): Promise<Webhook> {
  return trx
    .updateTable('webhooks')
    .set(change)
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .returning(webhookColumns)
    .executeTakeFirstOrThrow()
}

/**
 * Replaces a secret. The previous secret continues to sign for `overlapSeconds`.
 *
 * @returns when the previous secret stops signing, null without a previous secret or an overlap; undefined when the app
 *   has no such webhook
 */
export async function rotateSecret(
  db: Db,
  appId: string,
  id: string,
  secret: Buffer,
  overlapSeconds: number,
  now: Date,
): Promise<{ previousUntil: Date | null } | undefined> {
  const previous = previousSecret('secret', overlapSeconds, now)
  await laneChanges.announce(db, [laneName({ appId, webhookId: id })])
  return db
    .updateTable('webhooks')
    .set({
      secret,
      previous_secret: previous.secret,
      previous_secret_expires_at: previous.expiresAt,
      updated_at: now,
    })
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .returning('previous_secret_expires_at as previousUntil')
    .executeTakeFirst()
}

/** The state of a webhook after attempts. */
export interface HealthChange {
  appId: string
  webhookId: string
  failureCount: number
  failingSince: Date | null
  lastTriggeredAt: Date
  /** Why the attempts disable the webhook; null: they do not. */
  reason: string | null
}

/** Updates locked webhooks in one statement. Disabling starts a new generation. */
export async function saveHealth(trx: Trx, changes: readonly HealthChange[], now: Date): Promise<void> {
  if (changes.length === 0) return
  await sql`
    update webhooks w set failure_count = row."failureCount", failing_since = row."failingSince",
      last_triggered_at = row."lastTriggeredAt",
      enabled = w.enabled and row.reason is null,
      generation = w.generation + (row.reason is not null)::int,
      disabled_at = case when row.reason is null then w.disabled_at else ${now}::timestamptz end,
      disabled_reason = coalesce(row.reason, w.disabled_reason),
      updated_at = case when row.reason is null then w.updated_at else ${now}::timestamptz end
    from json_to_recordset(${JSON.stringify(changes)}::text::json) as row ("appId" uuid, "webhookId" uuid,
      "failureCount" int, "failingSince" timestamptz, "lastTriggeredAt" timestamptz, reason text)
    where w.app_id = row."appId" and w.id = row."webhookId"`.execute(trx)
}

/** Enables a webhook that answers again and resets its failures, unless it was enabled and disabled again since. */
export async function recoverWebhook(
  trx: Trx,
  { appId, webhookId, generation }: { appId: string; webhookId: string; generation: number },
  now: Date,
): Promise<void> {
  await trx
    .updateTable('webhooks')
    .set({ enabled: true, ...noFailures, updated_at: now })
    .where('app_id', '=', appId)
    .where('id', '=', webhookId)
    .where('generation', '=', generation)
    .where('enabled', '=', false)
    .execute()
}

/** Deletes a webhook. @returns undefined when the app has no such webhook */
export async function deleteWebhook(
  trx: Trx,
  appId: string,
  id: string,
): Promise<Pick<Webhook, 'ordered'> | undefined> {
  const deleted = await trx
    .deleteFrom('webhooks')
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .returning('ordered')
    .executeTakeFirst()
  if (!deleted) return undefined
  await laneChanges.announce(trx, [laneName({ appId, webhookId: id })])
  return deleted
}
