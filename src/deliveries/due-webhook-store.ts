import { type InferResult, sql } from 'kysely'
import type { Db } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'
import type { ProbeWebhook } from '../queues.ts'

/** Reads each webhook once, however many deliveries go to it. Disabled and deleted webhooks are not returned. */
export async function readDueWebhooks(
  db: Db,
  deliveries: readonly { appId: string; webhookId: string }[],
  now: Date,
): Promise<Map<string, DueWebhook>> {
  const keys = deliveries.map(({ appId, webhookId }) => ({ appId, id: webhookId }))
  const rows = await selectDueWebhooks(db, now)
    .where(isOneOf('webhooks', keys))
    .where('enabled', '=', true)
    .execute()
  return new Map(rows.map((row) => [row.id, row]))
}

/** Selects the webhook columns that an attempt needs, whether the webhook is enabled or not. */
export const selectDueWebhooks = (db: Db, now: Date) =>
  db
    .selectFrom('webhooks')
    .select([
      'id',
      'generation',
      'url',
      'secret',
      'signature',
      'signing_key as signingKey',
      'header_values as headerValues',
      sql<Uint8Array | null>`case when previous_secret_expires_at > ${now} then previous_secret end`.as(
        'previousSecret',
      ),
      'retry_schedule as retrySchedule',
      'rate_limit as rateLimit',
      'max_in_flight as maxInFlight',
      'batch',
      'ca_pem as caPem',
      'ordered',
      'traceparent',
    ])

/** A delivery's destination as stored: secrets and headers are still encrypted. */
export type DueWebhook = InferResult<ReturnType<typeof selectDueWebhooks>>[number]

/**
 * Reads the webhook of a probe, which belongs to one disabling: one that was enabled and disabled again has another.
 *
 * @returns undefined when the webhook is not to be probed: it is gone, enabled, or no longer recovers by itself
 */
export async function readProbedWebhook(
  db: Db,
  { appId, webhookId, generation }: Omit<ProbeWebhook, 'number'>,
  now: Date,
): Promise<(DueWebhook & { events: string[] }) | undefined> {
  return selectDueWebhooks(db, now)
    .select('events')
    .where('app_id', '=', appId)
    .where('id', '=', webhookId)
    .where('generation', '=', generation)
    .where('enabled', '=', false)
    .where('auto_recover', '=', true)
    .executeTakeFirst()
}
