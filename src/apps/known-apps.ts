import { appChanges } from '../announcements.ts'
import type { Db } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'
import { refusals } from '../platform/errors.ts'
import { createAnnouncedMemory, createLookupMemory } from '../platform/lookup-memory.ts'
import { findApp, findIdByPublishableKey, type KnownApp } from './app-store.ts'

/** In characters. An app weighs the length of its settings, plus `weightOfRest` for its other fields. */
const maxWeight = 16_000_000
const weightOfRest = 500
/** Publishable keys in memory. They never change, and a deleted app is not found by its id. */
const maxKeys = 100_000
const keyMaxAgeMs = 86_400_000

export function createKnownApps({ db, notices }: { db: Db; notices: Notices }) {
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
    /**
     * Returns the team's app. Another process may have changed or deleted it some milliseconds ago, or up to a second
     * ago without LISTEN. A transaction that writes for the app therefore holds it (`holdApp`).
     *
     * @throws 404 when the team has no such app
     */
    async require(teamId: string, id: string): Promise<KnownApp> {
      const app = await memory.get(id)
      if (app?.teamId !== teamId) throw refusals.notFound()
      return app
    },
    /** Finds the app with this publishable key, in any team. */
    async findByPublishableKey(key: string): Promise<KnownApp | undefined> {
      const id = await idByKey.get(key)
      return id === undefined ? undefined : memory.get(id)
    },
    /** Makes the next request read the app from the database again. Call this after a change of the app commits. */
    forget: memory.forget,
  }
}

/** Apps kept in memory, with the parts that every request needs first. */
export type KnownApps = ReturnType<typeof createKnownApps>

declare module 'fastify' {
  interface FastifyRequest {
    /** The app in the path, or that of the publishable key; only on routes that have one of these. */
    app: KnownApp
  }
}
