import { z } from 'zod'
import type { QueueDefinition } from './platform/queue.ts'

/**
 * The jobs outside the engine. A message holds ids, never bodies. The transaction that causes a job inserts its
 * message. A job is safe to run twice, because the transaction that settles it also records its results.
 */

/**
 * Probes a webhook that failures disabled and that has `auto_recover`. Job id: the webhook's. `generation` is the
 * webhook's generation after the disabling; `number` counts the earlier probes.
 */
export const probeWebhook = {
  name: 'probe-webhook',
  schema: z.object({ appId: z.guid(), webhookId: z.guid(), generation: z.int(), number: z.int() }),
  expireInSeconds: 180,
} as const satisfies QueueDefinition

/** Alerts the operator of an event. Job id of the first attempt: the event's. `attemptCount`: earlier attempts. */
export const alert = {
  name: 'alert',
  schema: z.object({ appId: z.guid(), eventId: z.guid(), attemptCount: z.int() }),
  expireInSeconds: 180,
} as const satisfies QueueDefinition

/**
 * Creates the next deliveries of a replay. Each step continues from the position in the replay's row and enqueues the
 * next step, so a replay has one step at a time.
 */
export const replayStep = {
  name: 'replay',
  schema: z.object({ appId: z.guid(), replayId: z.guid() }),
  expireInSeconds: 60,
} as const satisfies QueueDefinition

/** Daily: subscribers that were not seen for long become inactive, and are deleted later. */
export const subscriberUpkeep = scheduled('subscriber-upkeep', 3_600)

/** Hourly: deletes idempotency keys older than a day. */
export const idempotencyUpkeep = scheduled('idempotency-upkeep', 600)

/** Nightly: deletes data past the retention. */
export const retention = scheduled('retention', 3_600)

/** Every five minutes on the embedded database, which has no autovacuum. */
export const embeddedVacuum = scheduled('embedded-vacuum', 600)

function scheduled(name: string, expireInSeconds: number): QueueDefinition {
  return { name, schema: z.unknown(), expireInSeconds }
}

export type ProbeWebhook = z.infer<typeof probeWebhook.schema>
export type Alert = z.infer<typeof alert.schema>
export type ReplayStep = z.infer<typeof replayStep.schema>

/** All queues. Each is created at the start. */
export const queues: readonly QueueDefinition[] = [
  probeWebhook,
  alert,
  replayStep,
  subscriberUpkeep,
  idempotencyUpkeep,
  retention,
  embeddedVacuum,
]
