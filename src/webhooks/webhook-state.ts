import { isDeepStrictEqual } from 'node:util'
import type { Updateable } from 'kysely'
import type { Database } from '../database.ts'
import type { LockedWebhook, Webhook } from './webhook-reader-store.ts'

/** New values of a webhook's columns. Absent ones stay unchanged. */
export type WebhookChange = Updateable<Database['webhooks']>

/**
 * Decides what a change by the owner writes: the given values that differ. Disabling starts a new generation, which ends
 * the pending deliveries. Enabling resets the failures.
 *
 * @returns undefined when the change writes nothing
 */
export function decideChange(
  before: LockedWebhook,
  change: WebhookChange,
  now: Date,
): WebhookChange | undefined {
  const disables = change.enabled === false && before.enabled
  const enables = change.enabled === true && !isHealthy(before)
  const changed = whatDiffers(before, change)
  if (!disables && !enables && Object.keys(changed).length === 0) return undefined
  return {
    ...changed,
    ...(enables && noFailures),
    ...(disables && { generation: before.generation + 1, ...disabledByOwner(now) }),
    updated_at: now,
  }
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

const disabledByApi = 'disabled through the API'

/** The state of a webhook that its owner disables. */
export function disabledByOwner(now: Date) {
  return { disabled_at: now, disabled_reason: disabledByApi }
}

/** Whether a webhook was disabled because its attempts failed, and not by its owner. */
export function isDisabledByFailures({ enabled, disabledReason }: Webhook): boolean {
  return !enabled && disabledReason !== disabledByApi
}
