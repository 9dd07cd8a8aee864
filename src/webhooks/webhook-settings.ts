import { z } from 'zod'
import { text } from '../platform/http/fields.ts'
import { defaultBatchBytes } from './batch-size.ts'
import { certificateAuthority } from './certificate-authority.ts'
import { filterSchema } from './filter.ts'
import { headersSchema } from './own-headers.ts'

const maxRetries = 20
const maxRetrySeconds = 604_800
const maxRate = 10_000
/** No webhook gets more attempts at a time than this, whatever it asks for. */
export const maxInFlightLimit = 64

const retrySchedule = z
  .array(z.int().min(0))
  .max(maxRetries)
  .refine(
    (waits) => waits.reduce((sum, wait) => sum + wait, 0) <= maxRetrySeconds,
    `must add up to at most ${maxRetrySeconds} seconds`,
  )

const wholeNumber = (min: number, max: number) =>
  z
    .int()
    .refine((value) => value >= min && value <= max, `must be ${min} to ${max}`)
    .meta({ minimum: min, maximum: max })

const batch = z
  .object({
    max_events: wholeNumber(2, 500),
    max_wait_ms: wholeNumber(0, 60_000),
    max_bytes: wholeNumber(1_024, 1_048_576).default(defaultBatchBytes),
  })
  .meta({ id: 'WebhookBatch' })

const ordered = z.union([z.boolean(), z.literal('subscriber_id')], {
  error: 'must be true, false or "subscriber_id"',
})

/**
 * What can be set for each webhook beyond the contract's fields, on create and PATCH; null: back to the default.
 *
 * @param maxFilterBytes of a filter as JSON
 */
export const settingsFields = (maxFilterBytes: number) => ({
  description: text(1_000).nullable().optional(),
  retry_schedule: retrySchedule.nullable().optional(),
  rate_limit: wholeNumber(1, maxRate).nullable().optional(),
  max_in_flight: wholeNumber(1, maxInFlightLimit).nullable().optional(),
  headers: headersSchema.nullable().optional(),
  filter: filterSchema(maxFilterBytes).nullable().optional(),
  batch: batch.nullable().optional(),
  ordered: ordered.nullable().optional(),
  auto_recover: z.boolean().optional(),
  ca_pem: certificateAuthority.nullable().optional(),
})

/** Why a webhook cannot have both of these; undefined: it can. */
export function findOrderMisfit(batch: unknown, ordered: unknown): string | undefined {
  return batch && ordered ? 'cannot be combined: the events of a batch are in no order' : undefined
}

export type WebhookSettings = z.infer<z.ZodObject<ReturnType<typeof settingsFields>>>
