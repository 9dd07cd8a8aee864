import { z } from 'zod'
import { refusals } from '../errors.ts'
import { parseId } from '../ids.ts'
import { wholeNumberText } from '../whole-number.ts'
import { type Excess, findExcess } from './json-size.ts'

/** PostgreSQL text cannot contain NUL. */
const noNul = (value: string) => !value.includes('\0')

/** JSON can carry half of a surrogate pair (`"\\ud800"`). UTF-8 cannot, so it would be stored as another character. */
const wellFormed = (value: string) => value.isWellFormed()

/** Text of at most `maxLength` characters that can be stored and sent unchanged. */
export const text = (maxLength: number) =>
  z
    .string()
    .max(maxLength, `must be at most ${maxLength} characters`)
    .refine(noNul, 'must not contain a NUL character')
    .refine(wellFormed, 'must not contain half of a surrogate pair')

const maxQuotedLength = 40

/** Quotes a client's value as JSON in an error message, shortened to 40 characters: enough to see a typo. */
export function quote(input: unknown): string {
  const shown = typeof input === 'object' && input !== null ? 'an object' : String(JSON.stringify(input))
  return shown.length > maxQuotedLength ? `${shown.slice(0, maxQuotedLength - 1)}…` : shown
}

/** Like {@link text}, but not empty or blank. */
export const requiredText = (maxLength: number) =>
  text(maxLength)
    .refine((value) => value.trim() !== '', 'must not be empty')
    .meta({ minLength: 1 })

/** Levels of objects and arrays. JSON with thousands of levels can be parsed, but not serialized again. */
const maxNesting = 100

const excessMessage = (excess: Excess, maxBytes: number) =>
  excess === 'bytes'
    ? `must be at most ${maxBytes} bytes of JSON`
    : `must be nested at most ${maxNesting} levels deep`

/**
 * A schema for values of a bounded size, in bytes as JSON, and depth. Both limits are checked before the contents:
 * validating 80,000 entries in one object would block all other requests.
 */
export function bounded<S extends z.ZodType>(maxBytes: number, schema: S) {
  return z.preprocess((value, context) => {
    const excess = findExcess(value, maxBytes, maxNesting)
    if (excess) context.addIssue({ code: 'custom', message: excessMessage(excess, maxBytes) })
    return value
  }, schema)
}

/** For {@link z.ZodType.refine}: refuses numbers such as `1e400`, which would be stored as null. */
export const finite = [hasFiniteNumbers, { error: 'must not contain a number beyond ±1.8e308' }] as const

function hasFiniteNumbers(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  return typeof value !== 'object' || value === null || Object.values(value).every(hasFiniteNumbers)
}

/** A JSON object of a bounded depth and size, in bytes of JSON. */
export const jsonObject = (maxBytes: number) =>
  bounded(maxBytes, z.record(z.string(), z.unknown()).refine(...finite))

/** The database reads and discards all rows before an offset, so deeper pages need a cursor. */
const maxOffset = 10_000

/** `limit` and `offset` of a list. */
export const page = {
  limit: pageNumber(1, 100, 50).describe('Entries per page.'),
  offset: pageNumber(0, maxOffset, 0).describe('Entries to skip. Use `cursor` for deeper pages.'),
}

/** `limit` of a short list, which by default returns all its entries. */
export const shortListLimit = pageNumber(1, 1_000, 1_000).describe('Entries per page.')

function pageNumber(min: number, max: number, fallback: number) {
  return wholeNumberText(min, max)
    .default(fallback)
    .meta({ type: 'integer', minimum: min, maximum: max, default: fallback })
}

/** Describes an issue in words for a client; undefined: the schema's own message is used. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    return issue.input === undefined ? 'is required' : `must be ${withArticle(issue.expected)}`
  }
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'too_big') return `must have at most ${issue.maximum} ${unitOf(issue.origin)}`.trim()
  if (issue.code === 'too_small') return `must have at least ${issue.minimum} ${unitOf(issue.origin)}`.trim()
  return undefined
}

function unitOf(origin: string): string {
  return { string: 'characters', array: 'entries' }[origin] ?? ''
}

function withArticle(type: string): string {
  if (type === 'record') return 'an object'
  if (type === 'int') return 'a whole number'
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`
}

/**
 * Converts the ids in a path to lower case, in place.
 *
 * @throws 404 when a path segment is not a UUID
 */
export function requireIds(params: unknown): void {
  const segments = (params ?? {}) as Record<string, string>
  for (const [name, value] of Object.entries(segments)) {
    const id = parseId(value)
    if (id === undefined) throw refusals.notFound()
    segments[name] = id
  }
}
