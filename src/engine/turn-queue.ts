import { getOrInsert } from '../platform/get-or-insert.ts'

export function createTurnQueue<Item>() {
  const owners = new Map<string, Set<Item>>()
  let size = 0
  const remove = (owner: string, items: Set<Item>, item: Item) => {
    items.delete(item)
    size -= 1
    if (items.size === 0) owners.delete(owner)
  }
  return {
    get size() {
      return size
    },
    push(owner: string, item: Item) {
      getOrInsert(owners, owner, () => new Set()).add(item)
      size += 1
    },
    /** Takes the first item of the owner whose turn it is; that owner then goes to the end of the line. */
    shift(): Item | undefined {
      for (const [owner, items] of owners) {
        const [item] = items
        owners.delete(owner)
        owners.set(owner, items)
        remove(owner, items, item!)
        return item
      }
      return undefined
    },
    /** Removes and returns all items for which the test is true, wherever they are in the queue. */
    removeIf(test: (item: Item) => boolean): Item[] {
      const removed: Item[] = []
      for (const [owner, items] of owners) {
        for (const item of items) {
          if (!test(item)) continue
          remove(owner, items, item)
          removed.push(item)
        }
      }
      return removed
    },
  }
}

/** Waiting items of many owners. The owners take turns; the items of one owner keep their order. */
export type TurnQueue<Item> = ReturnType<typeof createTurnQueue<Item>>
