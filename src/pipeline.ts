import { z } from 'zod'
import type { QueueDefinition } from './platform/queue.ts'

/**
 * The jobs beside the engine. A message holds ids, never bodies, is inserted by the transaction of the change that
 * causes it, and is safe to take up twice: what it did is accounted in the transaction that settles it.
 */

/**
 * Try a webhook that was disabled because of its attempts and is to recover by itself. Job id: the webhook's.
 * `generation` is that of the disabling; `number` counts the probes made.
 */
export const probeWebhook = {
  name: 'probe-webhook',
  schema: z.object({ appId: z.guid(), webhookId: z.guid(), generation: z.int(), number: z.int() }),
  expireInSeconds: 120,
} as const satisfies QueueDefinition

/** Tell the operator of an event. Job id: the event's, for the first attempt. `attemptCount`: attempts made already. */
export const alert = {
  name: 'alert',
  schema: z.object({ appId: z.guid(), eventId: z.guid(), attemptCount: z.int() }),
  expireInSeconds: 120,
} as const satisfies QueueDefinition

/**
 * Make the next deliveries of a replay. Each step goes on from where the one before says in the replay's row, and
 * enqueues the next: there is one at a time.
 */
export const replayStep = {
  name: 'replay',
  schema: z.object({ appId: z.guid(), replayId: z.guid() }),
  expireInSeconds: 60,
} as const satisfies QueueDefinition

/** Daily: subscribers unseen for long turn inactive, then go. */
export const subscriberUpkeep = scheduled('subscriber-upkeep', 3_600)

/** Hourly: idempotency keys older than a day go. */
export const idempotencyUpkeep = scheduled('idempotency-upkeep', 600)

/** Nightly: what is past the retention goes. */
export const retention = scheduled('retention', 3_600)

/** Every five minutes on the embedded database, which has no autovacuum. */
export const embeddedVacuum = scheduled('embedded-vacuum', 600)

function scheduled(name: string, expireInSeconds: number): QueueDefinition {
  return { name, schema: z.object({}), expireInSeconds }
}

export type ProbeWebhook = z.infer<typeof probeWebhook.schema>
export type Alert = z.infer<typeof alert.schema>
export type ReplayStep = z.infer<typeof replayStep.schema>

/** Every queue there is; each is made at start. */
export const queues: readonly QueueDefinition[] = [
  probeWebhook,
  alert,
  replayStep,
  subscriberUpkeep,
  idempotencyUpkeep,
  retention,
  embeddedVacuum,
]
