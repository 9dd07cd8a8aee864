import { remember } from '../../platform/remember.ts'

/** Entries kept, one per key pair and push service. The least recently used is removed first. */
const maxRemembered = 10_000

export function createKeyAcceptance() {
  const acceptedAt = new Map<string, Date>()
  return {
    note: (publicKey: string, origin: string, now: Date) =>
      remember(acceptedAt, `${publicKey} ${origin}`, now, maxRemembered),
    /** @returns null when this process has not seen the push service accept the pair */
    lastAt: (publicKey: string, origin: string) => acceptedAt.get(`${publicKey} ${origin}`) ?? null,
  }
}

/**
 * When each push service last accepted a push signed with each key pair. A pair that it accepts from nobody is wrong
 * for the whole app, and says nothing about one subscription.
 */
export type KeyAcceptance = ReturnType<typeof createKeyAcceptance>
