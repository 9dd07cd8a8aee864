import type { Deps } from '../deps.ts'
import { listWorkingKeyHashes } from './key-store.ts'

/** The keys are read at most once in this time, so a new key can be unknown for as long. */
const maxAgeMs = 2_000
/** 32 bytes each. An install with more keys has only the latest of them here. */
const maxKeys = 100_000

/**
 * Checks keys of clients that sent too many bad ones. All these checks together cost one statement every two seconds.
 * A working key is still admitted, for example from another client behind the same proxy.
 *
 * @returns whether a key with this hash worked a moment ago
 */
export function createKnownKeys({ db, clock }: Pick<Deps, 'db' | 'clock'>) {
  let loaded: Promise<Set<string>> | undefined
  let loadedAt = 0
  return async (keyHash: Buffer) => {
    const now = clock.now()
    if (!loaded || Math.abs(now.getTime() - loadedAt) > maxAgeMs) {
      loadedAt = now.getTime()
      loaded = listWorkingKeyHashes(db, now, maxKeys).then(
        (hashes) => new Set(hashes.map((hash) => Buffer.from(hash).toString('base64'))),
      )
    }
    return (await loaded).has(keyHash.toString('base64'))
  }
}
