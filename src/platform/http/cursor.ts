import { z } from 'zod'

/** One page of a list that is read by key: what `{"data": …, "next_cursor": …}` is made of. */
export interface Page<Entry> {
  entries: Entry[]
  /** Where the next page begins; null: this is the last one. */
  nextCursor: string | null
}

const idBytes = 16

/**
 * The place after an entry in a list, opaque to clients: base64url of a byte for the list and the entry's id.
 *
 * @param list a letter that no other list has, so that a cursor of one is none of another
 */
export function toCursor(list: string, id: string): string {
  return Buffer.concat([Buffer.from(list, 'latin1'), Buffer.from(id.replaceAll('-', ''), 'hex')]).toString(
    'base64url',
  )
}

/** The id in a cursor; undefined when it is no cursor that {@link toCursor} made for this list. */
export function fromCursor(list: string, cursor: string): string | undefined {
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes.length !== idBytes + 1) return undefined
  const hex = bytes.toString('hex', 1)
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    '-',
  )
  return toCursor(list, id) === cursor ? id : undefined
}

/** The query parameter `cursor` of a list, read as the id that it stands for. */
export function cursorField(list: string) {
  return z
    .string()
    .transform((cursor, context) => {
      const id = fromCursor(list, cursor)
      if (id === undefined)
        context.addIssue({
          code: 'custom',
          message: 'is not a cursor of this list: pass next_cursor as you received it',
        })
      return id
    })
    .optional()
    .meta({ description: 'The `next_cursor` of the page before; absent: the first page.' })
}

/**
 * Cuts a page from rows that were read with one more than it holds.
 *
 * @param rows up to `limit` + 1, in the order of the list
 */
export function toPage<Entry extends { id: string }>(
  list: string,
  rows: readonly Entry[],
  limit: number,
): Page<Entry> {
  const entries = rows.slice(0, limit)
  return { entries, nextCursor: rows.length > limit ? toCursor(list, entries.at(-1)!.id) : null }
}

/** A page as the API answers it. */
export function presentPage<Entry, Presented>(
  { entries, nextCursor }: Page<Entry>,
  present: (entry: Entry) => Presented,
): { data: Presented[]; next_cursor: string | null } {
  return { data: entries.map(present), next_cursor: nextCursor }
}
