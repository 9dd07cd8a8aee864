import { createGroupCommit } from './group-commit.ts'

const maxGroup = 200
/** More than a second of work. */
const maxWaiting = 5_000
const groupsAtOnce = 2

/**
 * Groups reads of single rows: reads requested while a statement runs share the next one. Each read sees everything
 * that was committed before its request.
 *
 * @param read reads rows in one statement, whatever the number of keys
 * @param nameOf a unique name for a row, the same for the row and its key
 * @returns a function that reads one row; undefined when it does not exist. @throws 429 when too many reads wait
 */
export function createGroupRead<Key, Row>(
  read: (keys: readonly Key[]) => Promise<readonly Row[]>,
  nameOf: (rowOrKey: Key | Row) => string,
): (key: Key) => Promise<Row | undefined> {
  const group = createGroupCommit<Key, Row | undefined>({
    maxGroup,
    maxWaiting,
    groupsAtOnce,
    async commit(keys) {
      const rows = await read(keys)
      const byName = new Map(rows.map((row) => [nameOf(row), row]))
      return keys.map((key) => byName.get(nameOf(key)))
    },
  })
  return group.add
}
