import { lockApp } from '../apps/app-store.ts'
import type { SignatureScheme } from '../database.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../errors.ts'
import { newId } from '../platform/ids.ts'
import { findMisfit } from './filter-fit.ts'
import { storedSettings } from './stored-settings.ts'
import { encryptSecret, signatureChange } from './webhook-secrets.ts'
import type { WebhookSettings } from './webhook-settings.ts'
import { countWebhooks, insertWebhook, type Webhook } from './webhook-store.ts'
import { checkedUrl } from './webhook-url.ts'

/** A webhook as it was asked for, its fields checked one by one. */
export interface WebhookRequest extends WebhookSettings {
  url: string
  secret?: string | null | undefined
  events: string[]
  enabled: boolean
  signature: SignatureScheme
}

/**
 * Creates a webhook.
 *
 * @throws 404 when the app is gone; 422 when the url may not be called, the filter does not fit the events, or the app
 *   has as many webhooks as it may have
 */
export async function createWebhook(
  deps: Pick<Deps, 'db' | 'clock' | 'crypto' | 'guard' | 'config'>,
  appId: string,
  { url, secret, events, enabled, signature, ...settings }: WebhookRequest,
): Promise<Webhook> {
  const misfit = settings.filter && findMisfit(settings.filter, events)
  if (misfit) throw refusals.invalid({ filter: [misfit] })
  const id = newId()
  const webhook = {
    id,
    appId,
    url: await checkedUrl(deps, url),
    secret: encryptSecret(deps, id, secret),
    events,
    enabled,
    ...signatureChange(deps, id, signature, 'hmac'),
    ...storedSettings(deps, id, settings),
  }
  return deps.db.transaction().execute(async (trx) => {
    // One at a time in an app, so that no two take the last place.
    if (!(await lockApp(trx, appId))) throw refusals.notFound()
    const { maxWebhooksPerApp } = deps.config
    if ((await countWebhooks(trx, appId)) >= maxWebhooksPerApp) {
      throw refusals.invalid({ webhooks: [`must be at most ${maxWebhooksPerApp} in an app`] })
    }
    return insertWebhook(trx, webhook, deps.clock.now())
  })
}
