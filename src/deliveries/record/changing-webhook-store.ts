import { sql } from 'kysely'
import { selectHeldApps } from '../../apps/app-lock-store.ts'
import type { Trx } from '../../platform/db/db.ts'

/** A webhook's row, locked until the transaction ends. */
export interface ChangingWebhook {
  appId: string
  webhookId: string
  url: string
  failureCount: number
  failingSince: Date | null
  enabled: boolean
  generation: number
  autoRecover: boolean
}

/** `last_triggered_at` is stored once a second, as the API shows it: a healthy webhook's row changes no more often. */
const triggeredStepMs = 1_000

/**
 * Locks the webhooks whose row changes: after a failure, after the first success since one, or once a second. Rows are
 * locked in id order, so that two processes that record the same webhooks never wait for each other. Webhooks of apps
 * that are being deleted are left out.
 */
export async function lockChanging(
  trx: Trx,
  attempted: readonly { appId: string; webhookId: string; failed: boolean }[],
  now: Date,
): Promise<ChangingWebhook[]> {
  if (attempted.length === 0) return []
  const appIds = attempted.map(({ appId }) => appId)
  const { rows } = await sql<ChangingWebhook>`
    with held as (${selectHeldApps(appIds, 'skip locked')})
    select w.app_id as "appId", w.id as "webhookId", w.url, w.failure_count as "failureCount",
      w.failing_since as "failingSince", w.enabled, w.generation, w.auto_recover as "autoRecover"
    from json_to_recordset(${JSON.stringify(attempted)}::text::json)
      as key ("appId" uuid, "webhookId" uuid, failed bool)
    join webhooks w on w.app_id = key."appId" and w.id = key."webhookId"
    where w.app_id = any(array(select held.id from held)) and (key.failed or w.failure_count <> 0
      or w.last_triggered_at is null or w.last_triggered_at <= ${new Date(now.getTime() - triggeredStepMs)})
    order by w.id for update of w`.execute(trx)
  return rows
}
