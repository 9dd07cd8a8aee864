import { z } from 'zod'
import { idOfHex } from '../ids.ts'

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
  const id = idOfHex(bytes.toString('hex', 1))
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
 * A page of a list, in the form of an API response. One extra row shows that there is a next page.
 *
 * @param rows up to `limit` + 1 rows, in the order of the list
 */
export function presentPage<Row extends { id: string }, Presented>(
  list: string,
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => Presented,
): { data: Presented[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit)
  return {
    data: shown.map(present),
    next_cursor: rows.length > limit ? toCursor(list, shown.at(-1)!.id) : null,
  }
}
