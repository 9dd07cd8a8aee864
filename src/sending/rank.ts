/** How soon a notification goes within its app; `normal` where none is asked for. */
export type Priority = 'high' | 'normal' | 'low'

export const priorities = ['high', 'normal', 'low'] as const satisfies readonly Priority[]

/** The first rank of audiences that are not small: those go after all that are. */
export const largeRank = priorities.length
export const rankCount = 2 * priorities.length

/** Recipients of one small audience at most: some milliseconds' work, so that it may go before a campaign. */
export const smallAudience = 100

/** A place in an app's lane: small audiences first, within them by priority. */
export function rankOf(priority: Priority, isSmall: boolean): number {
  return priorities.indexOf(priority) + (isSmall ? 0 : largeRank)
}

/** The priority that a rank was made of. */
export function priorityOf(rank: number): Priority {
  return priorities[rank % largeRank]!
}

/** The rank of the rest of a notification's audience, of which `count` are to be tried again. */
export function rankOfRest(rank: number, count: number): number {
  return (rank % largeRank) + (count <= smallAudience ? 0 : largeRank)
}
