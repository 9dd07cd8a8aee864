import { z } from 'zod'

/** One page of a list with keyset pagination. {@link presentPage} turns it into `{"data": …, "next_cursor": …}`. */
export interface Page<Entry> {
  entries: Entry[]
  /** Where the next page begins; null: this is the last page. */
  nextCursor: string | null
}

const idBytes = 16

/**
 * The position after an entry of a list, opaque to clients: base64url of one byte for the list and the entry's id.
 *
 * @param list a letter that is unique to the list, so that other lists refuse its cursors
 */
export function toCursor(list: string, id: string): string {
  return Buffer.concat([Buffer.from(list, 'latin1'), Buffer.from(id.replaceAll('-', ''), 'hex')]).toString(
    'base64url',
  )
}

/** The id in a cursor; undefined unless {@link toCursor} made the cursor for this list. */
export function fromCursor(list: string, cursor: string): string | undefined {
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes.length !== idBytes + 1) return undefined
  const hex = bytes.toString('hex', 1)
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    '-',
  )
  return toCursor(list, id) === cursor ? id : undefined
}

/** The query parameter `cursor` of a list, parsed to the id that it contains. */
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
 * Makes a page from rows. One extra row shows that there is a next page.
 *
 * @param rows up to `limit` + 1 rows, in the order of the list
 */
export function toPage<Entry extends { id: string }>(
  list: string,
  rows: readonly Entry[],
  limit: number,
): Page<Entry> {
  const entries = rows.slice(0, limit)
  return { entries, nextCursor: rows.length > limit ? toCursor(list, entries.at(-1)!.id) : null }
}

/** A page in the form of an API response. */
export function presentPage<Entry, Presented>(
  { entries, nextCursor }: Page<Entry>,
  present: (entry: Entry) => Presented,
): { data: Presented[]; next_cursor: string | null } {
  return { data: entries.map(present), next_cursor: nextCursor }
}
