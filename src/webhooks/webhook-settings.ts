import { z } from 'zod'
import { text } from '../platform/http/fields.ts'
import { wholeNumber } from '../platform/whole-number.ts'
import { defaultBatchBytes } from './batch-size.ts'
import { certificateAuthority } from './certificate-authority.ts'
import { filterSchema } from './filter.ts'
import { headersSchema } from './own-headers.ts'

const maxRetries = 20
const maxRetrySeconds = 604_800
const maxRate = 10_000
/** The highest `max_in_flight` that a webhook can set. */
const maxInFlightLimit = 64

const retrySchedule = z
  .array(z.int().min(0))
  .max(maxRetries)
  .refine(
    (waits) => waits.reduce((sum, wait) => sum + wait, 0) <= maxRetrySeconds,
    `must add up to at most ${maxRetrySeconds} seconds`,
  )

const batch = z
  .object({
    max_events: wholeNumber(2, 500).describe('Events in one request, at most.'),
    max_wait_ms: wholeNumber(0, 60_000).describe('How long an event waits for others, in milliseconds.'),
    max_bytes: wholeNumber(1_024, 1_048_576)
      .default(defaultBatchBytes)
      .describe('Bytes of one request, at most; a longer event is sent alone.'),
  })
  .meta({ id: 'WebhookBatch', description: 'How events are put together into one request.' })

const ordered = z.union([z.boolean(), z.literal('subscriber_id')], {
  error: 'must be true, false or "subscriber_id"',
})

/** The API description of `ordered`. */
export const orderedDocs = {
  default: false,
  description:
    '`true`: deliver one event at a time, in their order; `"subscriber_id"`: the same within each subscriber; `false`: in any order. An event that fails holds back the later ones until it has ended.',
}

/** The API description of `traceparent`. */
export const traceparentDocs = {
  default: false,
  description:
    'Whether each attempt carries a W3C `traceparent` header, so that the traces of the receiver join those of the service. Nothing is sent while the service exports no traces. Not together with `batch`.',
}

/**
 * Settings of a webhook beyond the contract's fields, for create and PATCH; null restores the default.
 *
 * @param maxFilterBytes the maximum size of a filter as JSON
 */
export const settingsFields = (maxFilterBytes: number) => ({
  description: text(1_000).nullish().describe('A note for people.'),
  retry_schedule: retrySchedule
    .nullish()
    .describe(
      `Seconds to wait before each further attempt, ${maxRetrySeconds} in total at most; \`[]\`: one attempt; null: the schedule of the install.`,
    ),
  rate_limit: wholeNumber(1, maxRate)
    .nullish()
    .describe('Requests per second, at most; further deliveries wait. null: no limit.'),
  max_in_flight: wholeNumber(1, maxInFlightLimit)
    .nullish()
    .describe('Attempts at the same time, at most; null: the limit of the service.'),
  headers: headersSchema
    .nullish()
    .describe(
      'Headers to send with each attempt, such as `authorization`. They are encrypted at rest and shown masked.',
    ),
  filter: filterSchema(maxFilterBytes)
    .nullish()
    .describe('Only events that match it are delivered; null: all events.'),
  batch: batch
    .nullish()
    .describe('Several events in one request; null: one event per request. Not together with `ordered`.'),
  ordered: ordered.nullish().meta(orderedDocs),
  auto_recover: z.boolean().optional().meta({
    default: false,
    description:
      'Whether a webhook that was disabled because of failures is probed, and enabled by the first 2xx.',
  }),
  ca_pem: certificateAuthority
    .nullish()
    .describe(
      'Certificates in PEM, up to 10, to trust for its deliveries instead of the public authorities; null: the public authorities.',
    ),
  traceparent: z.boolean().optional().meta(traceparentDocs),
})

/**
 * Finds settings that a webhook cannot combine.
 *
 * @returns the given setting that does not fit, and why; undefined when all settings fit
 */
export function findMismatch(
  given: Pick<WebhookSettings, 'batch' | 'ordered' | 'traceparent'>,
  before: { batch: unknown; ordered: unknown; traceparent: boolean },
): Record<string, string[]> | undefined {
  if (!(given.batch === undefined ? before.batch : given.batch)) return undefined
  for (const [name, reason] of unbatchable) {
    if (!(given[name] === undefined ? before[name] : given[name])) continue
    const [field, other] = given[name] ? [name, 'batch'] : ['batch', name]
    return { [field]: [`and ${other} cannot be combined: ${reason}`] }
  }
  return undefined
}

const unbatchable = [
  ['ordered', 'the events of a batch are in no order'],
  ['traceparent', 'the events of a batch belong to different traces'],
] as const

export type WebhookSettings = z.infer<z.ZodObject<ReturnType<typeof settingsFields>>>
