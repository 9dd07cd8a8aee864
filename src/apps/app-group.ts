import { commitHalving, createGroupCommit } from '../engine/group-commit.ts'
import type { Db } from '../platform/db/db.ts'
import { AppLockedError } from './app-lock-store.ts'

const maxGroup = 256
/** About as long as a transaction takes whose database is near. Groups for one that is far overlap. */
const waitForGroupMs = 5
/** Items per transaction of a batch. Other work gets its turn between two transactions. */
const maxBatchGroup = 500

/**
 * Lets items that arrive during a transaction share the next one. An item whose app is being deleted is committed on
 * its own: it waits for the end of the deletion without delaying the other items.
 *
 * @param maxWaiting items that may wait: some seconds of work
 * @param commit commits in one transaction; with `skip locked` it answers items of apps that are gone or being deleted
 *   with {@link AppLockedError}
 */
export function createAppGroup<Item, Result>(
  home: Db,
  maxWaiting: number,
  commit: (db: Db, items: readonly Item[], waiting?: 'skip locked') => Promise<(Result | Error)[]>,
) {
  const group = createGroupCommit<Item, Result>({
    maxGroup,
    maxWaiting,
    groupsAtOnce: 2,
    waitForGroupMs,
    commit: (items) => commit(home, items, 'skip locked'),
  })
  const commitAlone = async (db: Db, item: Item) => {
    const [result] = await commit(db, [item])
    if (result instanceof Error) throw result
    return result!
  }
  return {
    /** @throws the error with which `commit` refuses the item; 429 when too many items wait */
    async add({ db }: { db: Db }, item: Item): Promise<Result> {
      if (db !== home) return commitAlone(db, item)
      try {
        return await group.add(item)
      } catch (error) {
        if (error instanceof AppLockedError) return commitAlone(db, item)
        throw error
      }
    },
    /** @returns a result for each item, in their order */
    async addAll({ db }: { db: Db }, items: readonly Item[]): Promise<(Result | Error)[]> {
      const results: (Result | Error)[] = []
      for (let start = 0; start < items.length; start += maxBatchGroup) {
        const part = items.slice(start, start + maxBatchGroup)
        // In the caller's transaction there is no second try: a row that the database refuses aborts it.
        const committed = db === home ? commitHalving(part, (some) => commit(db, some)) : commit(db, part)
        results.push(...(await committed))
      }
      return results
    },
  }
}

/** Commits items of any apps in groups. If the caller passes a transaction as `db`, the items commit in it. */
export type AppGroup<Item, Result> = ReturnType<typeof createAppGroup<Item, Result>>
