/** How soon a notification is sent within its app. Default: `normal`. */
export type Priority = 'high' | 'normal' | 'low'

export const priorities = ['high', 'normal', 'low'] as const satisfies readonly Priority[]

/** The first rank of large audiences, which are sent after all small ones. */
export const largeRank = priorities.length
export const rankCount = 2 * priorities.length

/** Maximum recipients of a small audience: a few milliseconds of work, so that it may go before a campaign. */
export const smallAudience = 100

/** A place in an app's lane: small audiences first, and by priority within each size. */
export function rankOf(priority: Priority, isSmall: boolean): number {
  return priorities.indexOf(priority) + (isSmall ? 0 : largeRank)
}

/** The priority from which a rank was computed. */
export function priorityOf(rank: number): Priority {
  return priorities[rank % largeRank]!
}

/** The rank for retrying the `count` remaining recipients of a notification. */
export function rankOfRest(rank: number, count: number): number {
  return (rank % largeRank) + (count <= smallAudience ? 0 : largeRank)
}
