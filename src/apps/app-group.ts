import { commitHalving, createGroupCommit } from '../engine/group-commit.ts'
import type { Db } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import { AppIsLocked } from './app-store.ts'

/** Items of any apps, committed in groups; given a transaction of the caller's instead of the database, in that. */
export interface AppGroup<Item, Result> {
  /** @throws what `commit` refuses the item with, and 429 when too many wait */
  commit(given: { db: Db }, item: Item): Promise<Result>
  /** In their order. @returns a result for each */
  commitAll(given: { db: Db }, items: readonly Item[]): Promise<(Result | Error)[]>
}

const maxGroup = 256
/** Of one transaction of a batch: others have their turn between two. */
const maxBatchGroup = 500

/**
 * Lets items that arrive while a transaction is under way share the next one. One whose app is being deleted waits for
 * the end of that by itself, and finds out what became of it.
 *
 * @param maxWaiting some seconds of work
 * @param commit in one transaction; with `skip locked` it answers items of apps that are gone or being deleted with
 *   {@link AppIsLocked}
 */
export function createAppGroup<Item, Result>(
  home: Db,
  maxWaiting: number,
  commit: (db: Db, items: readonly Item[], waiting?: 'skip locked') => Promise<(Result | Error)[]>,
): AppGroup<Item, Result> {
  const group = createGroupCommit<Item, Result>({
    maxGroup,
    maxWaiting,
    overloaded: () => refusals.rateLimited(1),
    groupsAtOnce: 2,
    commit: (items) => commit(home, items, 'skip locked'),
  })
  const commitAlone = async (db: Db, item: Item) => {
    const [result] = await commit(db, [item])
    if (result instanceof Error) throw result
    return result!
  }
  return {
    async commit({ db }, item) {
      if (db !== home) return commitAlone(db, item)
      try {
        return await group.add(item)
      } catch (error) {
        if (error instanceof AppIsLocked) return commitAlone(db, item)
        throw error
      }
    },
    async commitAll({ db }, items) {
      const results: (Result | Error)[] = []
      for (let start = 0; start < items.length; start += maxBatchGroup) {
        const part = items.slice(start, start + maxBatchGroup)
        // The caller's transaction cannot go on after a row that the database refuses.
        const committed = db === home ? commitHalving(part, (some) => commit(db, some)) : commit(db, part)
        results.push(...(await committed))
      }
      return results
    },
  }
}
