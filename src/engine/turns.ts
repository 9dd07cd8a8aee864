/** What one lane could do now. */
export interface Wish {
  laneId: string
  /** Items that its own limits allow, at least 1. */
  room: number
}

/**
 * Shares a budget among lanes: nobody gets more than its room, and what one leaves the others have. A lane that comes
 * late in the list goes short only when there are more lanes than budget; so whoever was served goes to the end of it.
 *
 * @param budget items over all lanes
 * @returns items for each lane that gets any
 */
export function shareBudget(wishes: readonly Wish[], budget: number): Map<string, number> {
  const shares = new Map<string, number>()
  let left = budget
  // By room: what the modest leave over is then shared among the others.
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
