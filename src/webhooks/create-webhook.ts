import { lockApp } from '../apps/app-lock-store.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { findMisfit } from './filter-fit.ts'
import { encryptSecret, signatureChange } from './secrets/webhook-secrets.ts'
import { storedSettings } from './stored-settings.ts'
import { countWebhooks, type Webhook } from './webhook-reader-store.ts'
import type { WebhookRequest } from './webhook-request.ts'
import { findMismatch } from './webhook-settings.ts'
import { insertWebhook, type NewWebhook } from './webhook-store.ts'
import { checkedUrl } from './webhook-url.ts'

/**
 * Converts a request to the webhook to store. It resolves the URL's host name, so it runs before the transaction.
 *
 * @throws 422 when the URL is not allowed, the filter does not fit the events, or settings cannot be combined
 */
export async function checkWebhook(
  deps: Pick<Deps, 'crypto' | 'guard'>,
  appId: string,
  { url, secret, events, enabled, signature, ...settings }: WebhookRequest,
): Promise<NewWebhook> {
  const misfit = settings.filter && findMisfit(settings.filter, events)
  if (misfit) throw refusals.invalid({ filter: [misfit] })
  const mismatch = findMismatch(settings, { batch: null, ordered: null, traceparent: false })
  if (mismatch) throw refusals.invalid(mismatch)
  const id = newId()
  return {
    id,
    appId,
    url: await checkedUrl(deps, url),
    secret: encryptSecret(deps, id, secret),
    events,
    enabled,
    ...signatureChange(deps, id, signature, 'hmac'),
    ...storedSettings(deps, id, settings),
  }
}

/**
 * Creates a webhook.
 *
 * @throws 404 when the app is gone; 422 when it already has the maximum number of webhooks
 */
export async function createWebhook(
  deps: Pick<Deps, 'db' | 'clock' | 'config'>,
  webhook: NewWebhook,
): Promise<Webhook> {
  return deps.db.transaction().execute(async (trx) => {
    // An app creates one webhook at a time, so that two requests cannot both take the last place.
    if (!(await lockApp(trx, webhook.appId))) throw refusals.notFound()
    const { maxWebhooksPerApp } = deps.config
    if ((await countWebhooks(trx, webhook.appId)) >= maxWebhooksPerApp) {
      throw refusals.invalid({ webhooks: [`must be at most ${maxWebhooksPerApp} in an app`] })
    }
    return insertWebhook(trx, webhook, deps.clock.now())
  })
}
