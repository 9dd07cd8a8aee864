import { remember } from '../../platform/remember.ts'

/** Entries kept, one per key pair and push service. The least recently used is removed first. */
const maxRemembered = 10_000

/**
 * When each push service last accepted a push signed with each key pair. A pair that it accepts from nobody is wrong
 * for the whole app, and says nothing about one subscription.
 */
export interface KeyAcceptance {
  note(publicKey: string, origin: string, now: Date): void
  /** @returns null when this process has not seen the push service accept the pair */
  lastAt(publicKey: string, origin: string): Date | null
}

export function createKeyAcceptance(): KeyAcceptance {
  const acceptedAt = new Map<string, Date>()
  return {
    note: (publicKey, origin, now) => remember(acceptedAt, `${publicKey} ${origin}`, now, maxRemembered),
    lastAt: (publicKey, origin) => acceptedAt.get(`${publicKey} ${origin}`) ?? null,
  }
}
