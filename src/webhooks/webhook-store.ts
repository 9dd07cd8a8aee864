import { isDeepStrictEqual } from 'node:util'
import { type Selectable, type Selection, sql, type Updateable } from 'kysely'
import { laneChanges, laneName } from '../announcements.ts'
import type { Database } from '../database.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'
import { previousSecret } from '../platform/db/previous-secret.ts'

const columns = [
  'id',
  'app_id as appId',
  'url',
  'events',
  'enabled',
  'failure_count as failureCount',
  'created_at as createdAt',
  'updated_at as updatedAt',
  'disabled_at as disabledAt',
  'disabled_reason as disabledReason',
  'last_triggered_at as lastTriggeredAt',
  'description',
  'retry_schedule as retrySchedule',
  'rate_limit as rateLimit',
  'max_in_flight as maxInFlight',
  'header_names as headerNames',
  'filter',
  'batch',
  'ordered',
  'auto_recover as autoRecover',
  'signature',
  'public_key as publicKey',
  'previous_secret_expires_at as previousSecretExpiresAt',
  'ca_pem as caPem',
  'traceparent',
  'generation',
] as const

/** A webhook without its secrets. */
export type Webhook = Selection<Database, 'webhooks', (typeof columns)[number]>

/**
 * Lists an app's webhooks, oldest first: `limit` of them, plus one when there are more.
 *
 * @param after lists only webhooks after this one
 */
export async function listWebhooks(
  db: Db,
  appId: string,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<Webhook[]> {
  return db
    .selectFrom('webhooks')
    .select(columns)
    .where('app_id', '=', appId)
    .$if(after !== undefined, (query) => query.where('id', '>', after!))
    .orderBy('id')
    .limit(limit + 1)
    .execute()
}

/** Reads the webhooks that exist, in any order and in one statement. */
export async function readWebhooks(
  db: Db,
  keys: readonly { appId: string; id: string }[],
): Promise<Webhook[]> {
  return db.selectFrom('webhooks').select(columns).where(isOneOf('webhooks', keys)).execute()
}

export async function readWebhook(db: Db, appId: string, id: string): Promise<Webhook | undefined> {
  const [webhook] = await readWebhooks(db, [{ appId, id }])
  return webhook
}

/** New values of a webhook's columns. Absent ones stay unchanged. */
export type WebhookChange = Updateable<Database['webhooks']>

export interface NewWebhook extends WebhookChange {
  id: string
  appId: string
  url: string
  events: string[]
  enabled: boolean
}

export async function insertWebhook(db: Db, webhook: NewWebhook, now: Date): Promise<Webhook> {
  const { id, appId, ...settings } = webhook
  const { enabled } = settings
  return db
    .insertInto('webhooks')
    .values({
      app_id: appId,
      id,
      ...settings,
      disabled_at: enabled ? null : now,
      disabled_reason: enabled ? null : disabledByApi,
      created_at: now,
      updated_at: now,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
}

const disabledByApi = 'disabled through the API'

/** Whether a webhook was disabled because its attempts failed, and not by its owner. */
export function isDisabledByFailures({ enabled, disabledReason }: Webhook): boolean {
  return !enabled && disabledReason !== disabledByApi
}

/** How many webhooks an app has, enabled or not. */
export async function countWebhooks(db: Db, appId: string): Promise<number> {
  const { count } = await db
    .selectFrom('webhooks')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('app_id', '=', appId)
    .executeTakeFirstOrThrow()
  return count
}

/**
 * Writes the given values that differ, and nothing when none does. Disabling starts a new generation, which ends the
 * pending deliveries. Enabling resets the failures.
 *
 * @param before the webhook that {@link lockWebhook} returned in this transaction
 */
export async function updateWebhook(
  trx: Trx,
  before: LockedWebhook,
  change: WebhookChange,
  now: Date,
): Promise<Webhook> {
  const disables = change.enabled === false && before.enabled
  const enables = change.enabled === true && !isHealthy(before)
  const changed = whatDiffers(before, change)
  if (!disables && !enables && Object.keys(changed).length === 0) return before
  return trx
    .updateTable('webhooks')
    .set({ ...changed, updated_at: now })
    .$if(enables, (query) => query.set(noFailures))
    .$if(disables, (query) =>
      query.set({
        generation: sql<number>`generation + 1`,
        disabled_at: now,
        disabled_reason: disabledByApi,
      }),
    )
    .where('app_id', '=', before.appId)
    .where('id', '=', before.id)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** The state of a webhook whose attempts succeed. */
export const noFailures = { failure_count: 0, failing_since: null, disabled_at: null, disabled_reason: null }

function isHealthy(webhook: LockedWebhook): boolean {
  const { enabled, failureCount, failing_since: failingSince, disabledAt } = webhook
  return enabled && failureCount === 0 && failingSince === null && disabledAt === null
}

/** The fields of a change that differ from the stored webhook. A given encrypted value always differs. */
function whatDiffers(before: LockedWebhook, change: WebhookChange): WebhookChange {
  const differing = Object.entries(change).filter(([name, value]) => {
    if (value === undefined) return false
    const given =
      (name === 'filter' || name === 'batch') && value !== null ? JSON.parse(value as string) : value
    return !isDeepStrictEqual(given, before[name as keyof WebhookChange])
  })
  return Object.fromEntries(differing)
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
  await trx.deleteFrom('webhook_rates').where('webhook_id', '=', id).execute()
  await laneChanges.announce(trx, [laneName({ appId, webhookId: id })])
  return deleted
}

/** A webhook, with all columns of its row, that nobody else can change until the transaction ends. */
export type LockedWebhook = Webhook & Selectable<Database['webhooks']>

/** @returns undefined when the app has no such webhook */
export async function lockWebhook(trx: Trx, appId: string, id: string): Promise<LockedWebhook | undefined> {
  return trx
    .selectFrom('webhooks')
    .selectAll()
    .select(columns)
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}
