import type { Clock } from '../platform/clock.ts'
import type { Db } from '../platform/db/db.ts'
import { listWorkingKeyHashes } from './key-store.ts'

/** Which keys there are, from memory. */
export interface KnownKeys {
  /** Whether a key with this hash worked a moment ago. */
  has(keyHash: Buffer): Promise<boolean>
}

/** For how long the keys are not read again, whatever is asked: a new key can be unknown for as long. */
const maxAgeMs = 2_000
/** 32 bytes each; an install with more keys than this has the latest of them here. */
const maxKeys = 100_000

/**
 * Judges keys of clients that sent too many bad ones. They cost one statement every two seconds in all, however many
 * come, and whoever has a working key is let in beside them, as clients behind one proxy are.
 */
export function createKnownKeys({ db, clock }: { db: Db; clock: Clock }): KnownKeys {
  let loaded: Promise<Set<string>> | undefined
  let loadedAt = 0
  return {
    async has(keyHash) {
      const now = clock.now()
      if (!loaded || Math.abs(now.getTime() - loadedAt) > maxAgeMs) {
        loadedAt = now.getTime()
        loaded = listWorkingKeyHashes(db, now, maxKeys).then(
          (hashes) => new Set(hashes.map((hash) => Buffer.from(hash).toString('base64'))),
        )
      }
      return (await loaded).has(keyHash.toString('base64'))
    },
  }
}
