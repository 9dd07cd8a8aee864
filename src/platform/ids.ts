import { randomUUIDv7 } from 'node:crypto'
import { z } from 'zod'

/** A new id: UUIDv7, so that rows made together lie together in their indexes (RFC 9562 §5.7). */
export function newId(): string {
  return randomUUIDv7()
}

/** When a UUIDv7 was made, to the millisecond; of another UUID it tells nothing. */
export function momentOfId(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16))
}

const uuid = z.guid()

/** Whether a path segment can be an id at all; what cannot is answered 404. */
export function isId(value: string): boolean {
  return uuid.safeParse(value).success
}
