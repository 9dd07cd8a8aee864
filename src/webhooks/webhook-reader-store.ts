import { type Selectable, type Selection, sql } from 'kysely'
import type { Database } from '../database.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'

export const webhookColumns = [
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
export type Webhook = Selection<Database, 'webhooks', (typeof webhookColumns)[number]>

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
    .select(webhookColumns)
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
  return db.selectFrom('webhooks').select(webhookColumns).where(isOneOf('webhooks', keys)).execute()
}

export async function readWebhook(db: Db, appId: string, id: string): Promise<Webhook | undefined> {
  const [webhook] = await readWebhooks(db, [{ appId, id }])
  return webhook
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

/** A webhook, with all columns of its row, that nobody else can change until the transaction ends. */
export type LockedWebhook = Webhook & Selectable<Database['webhooks']>

/** @returns undefined when the app has no such webhook */
export async function lockWebhook(trx: Trx, appId: string, id: string): Promise<LockedWebhook | undefined> {
  return trx
    .selectFrom('webhooks')
    .selectAll()
    .select(webhookColumns)
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}
