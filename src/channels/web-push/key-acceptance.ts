/** Key pairs at push services remembered; the longest unused goes first. */
const maxRemembered = 10_000

/**
 * When each push service last took a push signed with each key pair. A pair that it takes from nobody is wrong for
 * the whole app, and says nothing about one subscription.
 */
export interface KeyAcceptance {
  note(publicKey: string, origin: string, now: Date): void
  /** @returns null when this process has seen it take none */
  lastAt(publicKey: string, origin: string): Date | null
}

export function createKeyAcceptance(): KeyAcceptance {
  const acceptedAt = new Map<string, Date>()
  return {
    note(publicKey, origin, now) {
      const key = `${publicKey} ${origin}`
      // Moves to the end: the first entries are the longest unused.
      acceptedAt.delete(key)
      acceptedAt.set(key, now)
      if (acceptedAt.size > maxRemembered) acceptedAt.delete(acceptedAt.keys().next().value!)
    },
    lastAt: (publicKey, origin) => acceptedAt.get(`${publicKey} ${origin}`) ?? null,
  }
}
