import { keyChanges } from '../announcements.ts'
import type { Deps } from '../deps.ts'
import type { KeyRing, WorkingKey } from '../lookups.ts'
import { createBackgroundWork } from '../platform/background-work.ts'
import { createAnnouncedMemory } from '../platform/lookup-memory.ts'
import { findWorkingKey, touchKeys } from './key-store.ts'

const maxKeys = 20_000
/** `last_used_at` is accurate to the minute: a write for every request would cost more than the request. */
const lastUsedStepMs = 60_000
/** The pause between statements that store when keys were used. */
const storeEveryMs = 250

export function createKeyRing({
  db,
  clock,
  log,
  notices,
}: Pick<Deps, 'db' | 'clock' | 'log' | 'notices'>): KeyRing {
  const memory = createAnnouncedMemory<WorkingKey>(notices, keyChanges, {
    read: (keyHash) => findWorkingKey(db, Buffer.from(keyHash, 'hex'), clock.now()),
    maxWeight: maxKeys,
    weigh: () => 1,
  })

  let used = new Map<string, Date>()
  const storing = createBackgroundWork({
    async work() {
      const stored = used
      used = new Map()
      await touchKeys(db, stored).catch((error: unknown) => {
        used = new Map([...stored, ...used])
        throw error
      })
    },
    restMs: storeEveryMs,
    onError: (error) => log.warn({ err: error }, 'keys.last_used_failed'),
  })
  const touch = (key: WorkingKey, now: Date) => {
    if (key.lastUsedAt && now.getTime() - key.lastUsedAt.getTime() < lastUsedStepMs) return
    key.lastUsedAt = now
    used.set(key.id, now)
    storing.request()
  }
  return {
    async find(keyHash, mayLookUp) {
      const id = keyHash.toString('hex')
      const key = await (memory.recall(id) ?? ((await mayLookUp()) ? memory.get(id) : undefined))
      const now = clock.now()
      if (!key || (key.expiresAt && key.expiresAt <= now)) return undefined
      touch(key, now)
      return key
    },
    forget: memory.forget,
    stop: storing.stop,
  }
}
