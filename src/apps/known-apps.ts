import { appChanges } from '../announcements.ts'
import type { Db } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'
import { refusals } from '../platform/errors.ts'
import { createAnnouncedMemory } from '../platform/lookup-memory.ts'
import { findApp, type KnownApp } from './app-store.ts'

/** Apps as far as requests need them before anything else, from memory. */
export interface KnownApps {
  /**
   * The team's app. It can have been changed or deleted elsewhere some milliseconds ago, or up to a second without
   * LISTEN: whoever writes for it holds it in the same transaction (`holdApp`).
   *
   * @throws 404 when the team has no such app
   */
  require(teamId: string, id: string): Promise<KnownApp>
  /** Reads the app again when it is asked for next. Call once a change of it has committed. */
  forget(id: string): void
}

/** Characters of settings, and as many for the rest of an app. */
const maxWeight = 16_000_000
const weightOfRest = 500

export function createKnownApps({ db, notices }: { db: Db; notices: Notices }): KnownApps {
  const memory = createAnnouncedMemory<KnownApp>(notices, appChanges, {
    read: (id) => findApp(db, id),
    maxWeight,
    weigh: ({ settings }) => weightOfRest + JSON.stringify(settings).length,
  })
  return {
    async require(teamId, id) {
      const app = await memory.get(id)
      if (app?.teamId !== teamId) throw refusals.notFound()
      return app
    },
    forget: memory.forget,
  }
}
