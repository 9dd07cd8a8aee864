import { isDeepStrictEqual } from 'node:util'
import { laneChanges, laneName } from '../announcements.ts'
import type { Deps } from '../deps.ts'
import { found, refusals } from '../platform/errors.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import type { Filter } from './filter.ts'
import { findMisfit } from './filter-fit.ts'
import { outlastRun } from './outlast-run.ts'
import { scheduleProbe } from './schedule-probe.ts'
import { secretChange, signatureChange } from './secrets/webhook-secrets.ts'
import { storedSettings } from './stored-settings.ts'
import { type LockedWebhook, lockWebhook, type Webhook } from './webhook-reader-store.ts'
import type { WebhookChangeRequest } from './webhook-request.ts'
import { findMismatch, type WebhookSettings } from './webhook-settings.ts'
import { decideChange, isDisabledByFailures } from './webhook-state.ts'
import { updateWebhook } from './webhook-store.ts'
import { checkedUrl } from './webhook-url.ts'

type ChangeDeps = Pick<Deps, 'db' | 'queue' | 'clock' | 'crypto' | 'guard'>

/**
 * Changes the given fields. A request with only current values changes nothing, not even `updated_at`.
 *
 * @throws 404 when the app has no such webhook; 422 when the URL is not allowed, the filter does not fit the events, or
 *   settings cannot be combined
 */
export async function changeWebhook(
  deps: ChangeDeps,
  appId: string,
  webhookId: string,
  { url, secret, events, enabled, signature, ...settings }: WebhookChangeRequest,
): Promise<Webhook> {
  const storedUrl = url === undefined ? undefined : await checkedUrl(deps, url)
  const { before, changed } = await deps.db.transaction().execute(async (trx) => {
    const before = found(await lockWebhook(trx, appId, webhookId))
    checkFit(before, events, settings.filter)
    const mismatch = findMismatch(settings, before)
    if (mismatch) throw refusals.invalid(mismatch)
    const { id } = before
    const { headers: _, ...otherSettings } = settings
    const requested = {
      url: storedUrl,
      events,
      enabled,
      ...(isSecretOf(deps, before, secret) ? {} : secretChange(deps, id, secret)),
      ...signatureChange(deps, id, signature, before.signature),
      ...storedSettings(deps, id, hasHeaders(deps, before, settings) ? otherSettings : settings),
    }
    const change = decideChange(before, requested, deps.clock.now())
    const changed = change ? await updateWebhook(trx, before, change) : before
    if (change) await laneChanges.announce(trx, [laneName({ appId, webhookId: id })])
    if (settings.auto_recover && isDisabledByFailures(changed)) {
      const { generation } = changed
      await scheduleProbe(trx, deps, { appId, webhookId: id, generation, number: 0 })
    }
    return { before, changed }
  })
  if (changed !== before) await outlastRun(before)
  return changed
}

function checkFit(before: Webhook, events: string[] | undefined, filter: Filter | null | undefined): void {
  const wanted = filter === undefined ? (before.filter as Filter | null) : filter
  if (!wanted || (events === undefined && filter === undefined)) return
  const misfit = findMisfit(wanted, events ?? before.events)
  if (misfit) throw refusals.invalid(filter ? { filter: [misfit] } : { events: [`the filter ${misfit}`] })
}

/**
 * Whether the stored secret already is the wanted one, without a previous secret beside it. A secret that can no longer be
 * decrypted counts as different, like headers, so that setting it again repairs the webhook.
 */
function isSecretOf(
  { crypto }: Pick<Deps, 'crypto'>,
  { id, secret: stored, previous_secret: previousSecret }: LockedWebhook,
  wanted: string | null | undefined,
): boolean {
  if (wanted === undefined || previousSecret) return false
  if (!wanted || !stored) return !wanted && !stored
  const known = orUndefined(() => crypto.decrypt(stored, `webhook-secret:${id}`))
  return known?.equals(Buffer.from(wanted)) === true
}

function hasHeaders(
  { crypto }: Pick<Deps, 'crypto'>,
  { id, header_values: headerValues }: LockedWebhook,
  { headers: wanted }: WebhookSettings,
): boolean {
  if (!wanted || !headerValues) return false
  const known = orUndefined(() => crypto.decrypt(headerValues, `webhook-headers:${id}`).toString('utf8'))
  return known !== undefined && isDeepStrictEqual(JSON.parse(known), wanted)
}
