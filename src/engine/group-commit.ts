import { isAboutARow } from '../platform/db/database-errors.ts'
import { statementContext } from '../platform/db/statement-context.ts'

/** Callers that share transactions. */
export interface GroupCommit<Item, Result> {
  /**
   * Resolves once the item's group has committed.
   *
   * @throws the item's own refusal, or what went wrong with the whole group; see {@link GroupCommitOptions}
   */
  add(item: Item): Promise<Result>
  /** Items not yet committed. */
  size(): number
}

export interface GroupCommitOptions<Item, Result> {
  /** Items of one transaction at most. */
  maxGroup: number
  /** Items that may wait; one beyond is refused with `overloaded()`. */
  maxWaiting: number
  overloaded: () => Error
  /** Transactions at a time. While they run, the next group gathers. */
  groupsAtOnce: number
  /**
   * Commits a group in one transaction.
   *
   * @returns a result for each item, in their order; an Error rejects that item's caller alone
   */
  commit(items: readonly Item[]): Promise<(Result | Error)[]>
}

interface Waiting<Item, Result> {
  item: Item
  /** Of its caller's statements. */
  timeoutMs: number | undefined
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Lets items that arrive while a transaction is under way share the next one. An item that comes alone waits for nobody.
 * A row that the database refuses never fails its company, see {@link commitHalving}.
 */
export function createGroupCommit<Item, Result>(
  options: GroupCommitOptions<Item, Result>,
): GroupCommit<Item, Result> {
  const { maxGroup, maxWaiting, overloaded, groupsAtOnce, commit } = options
  let waiting: Waiting<Item, Result>[] = []
  let running = 0
  let uncommitted = 0

  const commitGroup = async (group: Waiting<Item, Result>[]): Promise<void> => {
    const items = group.map(({ item }) => item)
    // Of no team in particular, whoever came first.
    const [{ timeoutMs }] = group as [Waiting<Item, Result>]
    const results = await statementContext.run({ timeoutMs }, () => commitHalving(items, commit))
    for (const [index, { resolve, reject }] of group.entries()) {
      const result = results[index]!
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
  }
  const next = async () => {
    if (running >= groupsAtOnce || waiting.length === 0) return
    running += 1
    const group = waiting.slice(0, maxGroup)
    waiting = waiting.slice(maxGroup)
    await commitGroup(group)
    running -= 1
    uncommitted -= group.length
    void next()
  }
  return {
    add(item) {
      if (waiting.length >= maxWaiting) return Promise.reject(overloaded())
      const { promise, resolve, reject } = Promise.withResolvers<Result>()
      waiting.push({ item, timeoutMs: statementContext.getStore()?.timeoutMs, resolve, reject })
      uncommitted += 1
      // After what this turn of the event loop brings: requests that came in one read go together.
      setImmediate(next)
      return promise
    },
    size: () => uncommitted,
  }
}

/**
 * Commits items in one transaction. When the database refuses a row, they are halved until that row stands alone.
 *
 * @returns a result for each item, in their order; an Error for one that is not committed. Never rejects.
 */
export async function commitHalving<Item, Result>(
  items: readonly Item[],
  commit: (items: readonly Item[]) => Promise<(Result | Error)[]>,
): Promise<(Result | Error)[]> {
  try {
    return await commit(items)
  } catch (error) {
    if (items.length === 1 || !isAboutARow(error)) return items.map(() => error as Error)
    const half = Math.ceil(items.length / 2)
    const first = await commitHalving(items.slice(0, half), commit)
    return [...first, ...(await commitHalving(items.slice(half), commit))]
  }
}
