import type { Logger } from 'pino'
import { keyChanges } from '../announcements.ts'
import { createBackgroundWork } from '../platform/background-work.ts'
import type { Clock } from '../platform/clock.ts'
import type { Db } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'
import { createAnnouncedMemory } from '../platform/lookup-memory.ts'
import { findWorkingKey, touchKeys, type WorkingKey } from './key-store.ts'

const maxKeys = 20_000
/** A revoked key is refused within a second, even if its announcement is lost with the connection that listens. */
const maxAgeMs = 900
/** `last_used_at` is accurate to the minute: a write for every request would cost more than the request. */
const lastUsedStepMs = 60_000
/** The pause between statements that store when keys were used. */
const storeEveryMs = 250

export function createKeyRing({
  db,
  clock,
  log,
  notices,
}: {
  db: Db
  clock: Clock
  log: Logger
  notices: Notices
}) {
  const memory = createAnnouncedMemory<WorkingKey>(notices, keyChanges, {
    read: (keyHash) => findWorkingKey(db, Buffer.from(keyHash, 'hex'), clock.now()),
    maxAgeMs,
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
    /**
     * Finds the key with this hash if it is valid now. A key that another process revoked stays valid until this process
     * hears of it: after some milliseconds, or up to a second without LISTEN.
     *
     * @param mayLookUp whether to ask the database when the key is not in memory; false: the key counts as unknown
     */
    async find(keyHash: Buffer, mayLookUp: () => Promise<boolean>): Promise<WorkingKey | undefined> {
      const id = keyHash.toString('hex')
      const key = await (memory.recall(id) ?? ((await mayLookUp()) ? memory.get(id) : undefined))
      const now = clock.now()
      if (!key || (key.expiresAt && key.expiresAt <= now)) return undefined
      touch(key, now)
      return key
    },
    /** Makes the next use of the key, named by its hash in hex, read it from the database again. */
    forget: memory.forget,
    /** Stores when each key was last used. */
    stop: storing.stop,
  }
}

/** API keys in use, kept in memory. */
export type KeyRing = ReturnType<typeof createKeyRing>
