import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import { createGroupCommit } from '../engine/group-commit.ts'
import { reportCompletion } from './complete-notification.ts'
import { pageKey } from './page.ts'
import { recordPages, type SentPage } from './record-pages.ts'

/** Records sent pages in the database. */
export interface PageRecorder {
  /**
   * Resolves once the page is recorded; false: it had been recorded before, or its notification is gone.
   *
   * @throws the error of the last try
   */
  record(sent: SentPage): Promise<boolean>
}

const maxGroup = 256
const maxWaiting = 4_096
/** The tries bridge a time when the database is unavailable. */
const maxTries = 8
const firstPauseMs = 250
const maxPauseMs = 4_000

/** Pages that end while a transaction runs are recorded together in the next one. */
export function createPageRecorder(deps: Pick<Deps, 'db' | 'clock' | 'log' | 'metrics'>): PageRecorder {
  const group = createGroupCommit<SentPage, boolean>({
    maxGroup,
    maxWaiting,
    overloaded: () => new Error('too many pages wait to be recorded'),
    groupsAtOnce: 1,
    async commit(pages) {
      const { lapsed, completed } = await deps.db
        .transaction()
        .execute((trx) => recordPages(trx, deps, pages))
      for (const one of completed) reportCompletion(deps, one)
      return pages.map(({ page }) => !lapsed.has(pageKey(page)))
    },
  })
  return {
    async record(sent) {
      for (let tries = 1; ; tries++) {
        try {
          return await group.add(sent)
        } catch (error) {
          if (tries === maxTries) throw error
          await sleep(Math.min(maxPauseMs, firstPauseMs * 2 ** tries))
        }
      }
    },
  }
}
