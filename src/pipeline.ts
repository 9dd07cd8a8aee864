import { z } from 'zod'
import type { QueueDefinition } from './platform/queue.ts'

/**
 * The messages between the stages, in the order in which a notification meets them. READ FIRST.
 *
 * A message holds ids, never bodies, is inserted by the transaction of the change that causes it, and is safe to
 * take up twice: what it did is accounted in the transaction that settles it.
 *
 *   POST …/notifications ─► FanOut ─► SendBatch ─► (event) ─► Deliver
 *   POST …/replay ─► ReplayStep ─► … ─► ReplayStep, each ─► Deliver
 */

/** Cut the audience of a notification into batches. Job id: the notification's. */
export const fanOut = {
  name: 'fan-out',
  schema: z.object({ appId: z.guid(), notificationId: z.guid() }),
  expireInSeconds: 300,
} as const satisfies QueueDefinition

/**
 * Send one batch of a notification: attempt 1 to the batch's whole key range, a later one to `subscriberIds`, those
 * that were to be retried. Accounted once: only while the batch is open.
 */
export const sendBatch = {
  name: 'send-batch',
  schema: z.object({
    appId: z.guid(),
    notificationId: z.guid(),
    number: z.int(),
    attempt: z.int(),
    subscriberIds: z.array(z.guid()).optional(),
  }),
  expireInSeconds: 90,
} as const satisfies QueueDefinition

/**
 * Make the next attempt of some deliveries of a webhook, all of which have had `attemptCount` when the job was made:
 * one that has had more since is another job's. Group: the webhook, so that one at its limit can be passed over.
 */
export const deliver = {
  name: 'deliver',
  schema: z.object({
    appId: z.guid(),
    webhookId: z.guid(),
    attemptCount: z.int(),
    deliveryIds: z.array(z.guid()),
  }),
  expireInSeconds: 90,
  announced: true,
} as const satisfies QueueDefinition

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
export const subscriberUpkeep = {
  name: 'subscriber-upkeep',
  schema: z.object({}),
  expireInSeconds: 3_600,
} as const satisfies QueueDefinition

/** Hourly: idempotency keys older than a day go. */
export const idempotencyUpkeep = {
  name: 'idempotency-upkeep',
  schema: z.object({}),
  expireInSeconds: 600,
} as const satisfies QueueDefinition

/** Nightly: what is past the retention goes. */
export const retention = {
  name: 'retention',
  schema: z.object({}),
  expireInSeconds: 3_600,
} as const satisfies QueueDefinition

/** Every five minutes on the embedded database, which has no autovacuum. */
export const embeddedVacuum = {
  name: 'embedded-vacuum',
  schema: z.object({}),
  expireInSeconds: 600,
} as const satisfies QueueDefinition

export type FanOut = z.infer<typeof fanOut.schema>
export type SendBatch = z.infer<typeof sendBatch.schema>
export type Deliver = z.infer<typeof deliver.schema>
export type ProbeWebhook = z.infer<typeof probeWebhook.schema>
export type Alert = z.infer<typeof alert.schema>
export type ReplayStep = z.infer<typeof replayStep.schema>

/** Every queue there is; each is made at start. */
export const queues: readonly QueueDefinition[] = [
  fanOut,
  sendBatch,
  deliver,
  probeWebhook,
  alert,
  replayStep,
  subscriberUpkeep,
  idempotencyUpkeep,
  retention,
  embeddedVacuum,
]
