import { isRowError } from '../platform/db/database-errors.ts'
import { statementContext } from '../platform/db/statement-context.ts'
import { refusals } from '../platform/errors.ts'

export interface GroupCommitOptions<Item, Result> {
  /** Maximum items per transaction. */
  maxGroup: number
  /** Maximum items that may wait; any further item is refused with 429. */
  maxWaiting: number
  /** Maximum transactions at a time. While they run, the next group gathers. */
  groupsAtOnce: number
  /**
   * How long a group waits for the end of the one before, in milliseconds; default: it does not. Groups are larger then,
   * and a transaction that waits for a lock does not delay all others.
   */
  waitForGroupMs?: number
  /**
   * Commits a group in one transaction.
   *
   * @returns a result for each item, in their order; an Error rejects that item's caller alone
   */
  commit(items: readonly Item[]): Promise<(Result | Error)[]>
}

interface Waiting<Item, Result> {
  item: Item
  /** The statement timeout of the item's caller. */
  timeoutMs: number | undefined
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Items that arrive while a transaction runs share the next one. An item that arrives alone does not wait for others.
 * A row that the database refuses does not fail the other items of its group, see {@link commitHalving}.
 */
export function createGroupCommit<Item, Result>(options: GroupCommitOptions<Item, Result>) {
  const { maxGroup, maxWaiting, groupsAtOnce, waitForGroupMs = 0, commit } = options
  let waiting: Waiting<Item, Result>[] = []
  let running = 0
  /** Set while the next group waits for the one before. */
  let waitTimer: NodeJS.Timeout | undefined
  let uncommitted = 0

  const commitGroup = async (group: Waiting<Item, Result>[]): Promise<void> => {
    const items = group.map(({ item }) => item)
    // The group runs with the first caller's statement timeout, and counts towards no team's share of connections.
    const [{ timeoutMs }] = group as [Waiting<Item, Result>]
    const results = await statementContext.run({ timeoutMs }, () => commitHalving(items, commit))
    for (const [index, { resolve, reject }] of group.entries()) {
      const result = results[index]!
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
  }
  const endWait = () => {
    waitTimer = undefined
    void next()
  }
  const next = async () => {
    if (running >= groupsAtOnce || waitTimer || waiting.length === 0) return
    running += 1
    const timer = waitForGroupMs > 0 ? setTimeout(endWait, waitForGroupMs) : undefined
    waitTimer = timer
    const group = waiting.slice(0, maxGroup)
    waiting = waiting.slice(maxGroup)
    await commitGroup(group)
    running -= 1
    uncommitted -= group.length
    clearTimeout(timer)
    if (waitTimer === timer) waitTimer = undefined
    void next()
  }
  return {
    /**
     * Resolves once the item's group has committed.
     *
     * @throws the item's own refusal, or the error of the whole group; see {@link GroupCommitOptions}
     */
    add(item: Item): Promise<Result> {
      if (waiting.length >= maxWaiting) return Promise.reject(refusals.rateLimited(1))
      const { promise, resolve, reject } = Promise.withResolvers<Result>()
      waiting.push({ item, timeoutMs: statementContext.getStore()?.timeoutMs, resolve, reject })
      uncommitted += 1
      // Runs after this turn of the event loop, so that requests that arrived in one read share a group.
      setImmediate(next)
      return promise
    },
    /** Number of items not yet committed. */
    size: () => uncommitted,
  }
}

/**
 * Commits items in one transaction. When the database refuses a row, the items are halved until that row is alone.
 *
 * @returns a result for each item, in their order; an Error for an item that was not committed. Never rejects.
 */
export async function commitHalving<Item, Result>(
  items: readonly Item[],
  commit: (items: readonly Item[]) => Promise<(Result | Error)[]>,
): Promise<(Result | Error)[]> {
  try {
    return await commit(items)
  } catch (error) {
    if (items.length === 1 || !isRowError(error)) return items.map(() => error as Error)
    const half = Math.ceil(items.length / 2)
    const first = await commitHalving(items.slice(0, half), commit)
    return [...first, ...(await commitHalving(items.slice(half), commit))]
  }
}
