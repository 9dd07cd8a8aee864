import type { Trx } from '../../platform/db/db.ts'
import { saveHealth } from '../../webhooks/webhook-store.ts'
import type { ChangingWebhook } from './changing-webhook-store.ts'
import { type HealthSample, nextHealth, reasonToDisable } from './webhook-health.ts'

/** An attempt, with the state of its webhook when it began. */
export interface AttemptSample extends HealthSample {
  url: string
  generation: number
}

/** The attempts of one webhook that a transaction records, in the order in which they ended. */
export interface WebhookSamples {
  appId: string
  webhookId: string
  samples: AttemptSample[]
}

/** A webhook that was disabled because of its attempts, in its state afterwards. */
export interface Disabled extends ChangingWebhook {
  reason: string
}

/**
 * Updates the failure counts and times of locked webhooks, and disables those with a {@link reasonToDisable}. Attempts
 * at a former URL, or from before the webhook was disabled, do not count: they tell nothing about the present one.
 *
 * @param locked webhooks locked by {@link lockChanging} in this transaction: those of the samples, possibly more
 * @returns the webhooks that this call disabled
 */
export async function recordHealth(
  trx: Trx,
  locked: readonly ChangingWebhook[],
  webhooks: readonly WebhookSamples[],
  disableAfterSeconds: number,
  now: Date,
): Promise<Disabled[]> {
  const samplesById = new Map(webhooks.map(({ webhookId, samples }) => [webhookId, samples]))
  const changes = locked.flatMap((webhook) => {
    const samples = (samplesById.get(webhook.webhookId) ?? []).filter(
      ({ url, generation }) => url === webhook.url && generation === webhook.generation,
    )
    if (samples.length === 0) return []
    const health = nextHealth(webhook, samples)
    const reason = webhook.enabled ? reasonToDisable(health, samples, disableAfterSeconds, now) : null
    return [{ ...webhook, ...health, lastTriggeredAt: samples.at(-1)!.at, reason }]
  })
  await saveHealth(trx, changes, now)
  return changes.flatMap(({ reason, generation, ...webhook }) =>
    reason === null ? [] : [{ ...webhook, reason, generation: generation + 1, enabled: false }],
  )
}
