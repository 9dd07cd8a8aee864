import { refusals } from '../platform/errors.ts'
import { createGroupCommit } from './group-commit.ts'

const maxGroup = 200
/** A second of work, and more. */
const maxWaiting = 5_000
const groupsAtOnce = 2

/**
 * Lets reads of single rows that are asked for while a statement is under way share the next one. Whoever asks sees what
 * was committed before.
 *
 * @param read in one statement, whatever the number of keys
 * @param nameOf tells rows apart, and finds them by their keys
 * @returns reads one; undefined when there is no such row. @throws 429 when too many wait
 */
export function createGroupRead<Key, Row>(
  read: (keys: readonly Key[]) => Promise<readonly Row[]>,
  nameOf: (rowOrKey: Key | Row) => string,
): (key: Key) => Promise<Row | undefined> {
  const group = createGroupCommit<Key, Row | undefined>({
    maxGroup,
    maxWaiting,
    overloaded: () => refusals.rateLimited(1),
    groupsAtOnce,
    async commit(keys) {
      const rows = await read(keys)
      const byName = new Map(rows.map((row) => [nameOf(row), row]))
      return keys.map((key) => byName.get(nameOf(key)))
    },
  })
  return group.add
}
