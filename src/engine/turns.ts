/** How much work one lane could do now. */
export interface LaneDemand {
  laneId: string
  /** Number of items that the lane's own limits allow, at least 1. */
  room: number
}

/**
 * Shares a budget among lanes. No lane gets more than its room, and the others get what one lane leaves. A lane late in
 * the list goes short only when there are more lanes than budget, so callers move served lanes to the end.
 *
 * @param budget number of items over all lanes
 * @returns number of items for each lane that gets any
 */
export function shareBudget(wishes: readonly LaneDemand[], budget: number): Map<string, number> {
  const shares = new Map<string, number>()
  let left = budget
  // Lanes with the least room come first: the budget that they leave is then shared among the others.
  const modestFirst = wishes
    .slice(0, Math.max(0, budget))
    .map((wish, index) => ({ ...wish, index }))
    .sort((a, b) => a.room - b.room || a.index - b.index)
  for (const [index, { laneId, room }] of modestFirst.entries()) {
    const share = Math.min(room, Math.floor(left / (modestFirst.length - index)))
    if (share > 0) shares.set(laneId, share)
    left -= share
  }
  return shares
}
