import { appChanges } from '../announcements.ts'
import type { KnownApp, KnownApps } from '../lookups.ts'
import type { Db } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'
import { refusals } from '../platform/errors.ts'
import { createAnnouncedMemory, createLookupMemory } from '../platform/lookup-memory.ts'
import { findApp, findIdByPublishableKey } from './app-store.ts'

/** In characters. An app weighs the length of its settings, plus `weightOfRest` for its other fields. */
const maxWeight = 16_000_000
const weightOfRest = 500
/** Publishable keys in memory. They never change, and a deleted app is not found by its id. */
const maxKeys = 100_000
const keyMaxAgeMs = 86_400_000

export function createKnownApps({ db, notices }: { db: Db; notices: Notices }): KnownApps {
  const memory = createAnnouncedMemory<KnownApp>(notices, appChanges, {
    read: (id) => findApp(db, id),
    maxWeight,
    weigh: ({ settings }) => weightOfRest + JSON.stringify(settings).length,
  })
  const idByKey = createLookupMemory<string>({
    read: (key) => findIdByPublishableKey(db, key),
    maxAgeMs: keyMaxAgeMs,
    maxWeight: maxKeys,
    weigh: () => 1,
  })
  return {
    async require(teamId, id) {
      const app = await memory.get(id)
      if (app?.teamId !== teamId) throw refusals.notFound()
      return app
    },
    async findByPublishableKey(key) {
      const id = await idByKey.get(key)
      return id === undefined ? undefined : memory.get(id)
    },
    forget: memory.forget,
  }
}
