import { z } from 'zod'
import { text } from '../platform/http/fields.ts'
import { filterSchema } from './filter.ts'

const maxRetries = 20
const maxRetrySeconds = 604_800
const maxRate = 10_000
/** No webhook gets more attempts at a time than this, whatever it asks for. */
export const maxInFlightLimit = 64

const maxHeaders = 20
const maxHeaderBytes = 4_096

const retrySchedule = z
  .array(z.int().min(0))
  .max(maxRetries)
  .refine(
    (waits) => waits.reduce((sum, wait) => sum + wait, 0) <= maxRetrySeconds,
    `must add up to at most ${maxRetrySeconds} seconds`,
  )

const wholeNumber = (min: number, max: number) =>
  z.int().refine((value) => value >= min && value <= max, `must be ${min} to ${max}`)

const batch = z.object({ max_events: wholeNumber(2, 500), max_wait_ms: wholeNumber(0, 60_000) })

/** Those that belong to one connection (RFC 9110 §7.6.1), that frame the message, or that are ours to say. */
const reservedHeaders = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'expect',
  'content-type',
  'content-length',
  'content-encoding',
  'accept-encoding',
  'user-agent',
])
const reservedPrefixes = ['proxy-', 'webhook-', 'x-krafter-']

const headers = z.record(z.string(), z.string()).transform((given, context) => {
  const named = Object.entries(given).map(([name, value]) => [name.toLowerCase(), value] as const)
  const problem = findHeaderProblem(named)
  if (problem) context.addIssue({ code: 'custom', message: problem })
  return Object.fromEntries(named)
})

function findHeaderProblem(headers: readonly (readonly [string, string])[]): string | undefined {
  if (headers.length > maxHeaders) return `must be at most ${maxHeaders}`
  if (new Set(headers.map(([name]) => name)).size < headers.length) return 'must name each header once'
  for (const [name, value] of headers) {
    // RFC 9110 §5.6.2: a token.
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/.test(name)) return `"${name.slice(0, 100)}" is no header name`
    if (reservedHeaders.has(name) || reservedPrefixes.some((prefix) => name.startsWith(prefix))) {
      return `"${name}" is not allowed`
    }
    // Visible ASCII with spaces inside: no CR, LF or NUL.
    if (!/^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/.test(value)) {
      return `the value of "${name}" must be visible ASCII`
    }
    if (name.length + value.length > maxHeaderBytes) {
      return `the value of "${name}" must be at most ${maxHeaderBytes} bytes`
    }
  }
  return undefined
}

/** What can be set for each webhook beyond the contract's fields, on create and PATCH; null: back to the default. */
export const settingsFields = {
  description: text(1_000).nullable().optional(),
  retry_schedule: retrySchedule.nullable().optional(),
  rate_limit: wholeNumber(1, maxRate).nullable().optional(),
  max_in_flight: wholeNumber(1, maxInFlightLimit).nullable().optional(),
  headers: headers.nullable().optional(),
  filter: filterSchema.nullable().optional(),
  batch: batch.nullable().optional(),
  auto_recover: z.boolean().optional(),
}

export type WebhookSettings = z.infer<z.ZodObject<typeof settingsFields>>
