import { randomUUID } from 'node:crypto'
import { z } from 'zod'

/**
 * A new UUIDv7: rows created together are stored together in their indexes (RFC 9562 §5.7). Node 22 has no function for
 * it, so the random bits come from a UUIDv4, which Node takes from a cache.
 */
export function newId(): string {
  const milliseconds = Date.now().toString(16).padStart(12, '0')
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7${randomUUID().slice(15)}`
}

/** When a UUIDv7 was created, to the millisecond; meaningless for other UUIDs. */
export function momentOfId(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16))
}

/** The smallest UUID of a moment: every UUIDv7 created then or later is greater or equal. */
export function firstIdOf(moment: Date): string {
  const hex = moment.getTime().toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

/** The UUIDv7 of a period of time: `from` ≤ id < `before`. A missing bound means that the period is open on that side. */
export interface IdRange {
  from: string | undefined
  before: string | undefined
}

/** The id with these 32 hexadecimal digits. */
export function idOfHex(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

const uuid = z.guid()

/**
 * Reads an id from a request. Every id from a client passes through here once, so that the code compares, stores and
 * encrypts with the same spelling.
 *
 * @returns the id in lower case; undefined when the value is not a UUID
 */
export function parseId(value: string): string | undefined {
  return uuid.safeParse(value).success ? value.toLowerCase() : undefined
}
