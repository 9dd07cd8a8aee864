import { setTimeout as sleep } from 'node:timers/promises'
import { AppLockedError } from '../apps/app-lock-store.ts'
import type { Deps } from '../deps.ts'
import { createGroupCommit } from '../engine/group-commit.ts'
import { reportCompletion } from './complete-notification.ts'
import { pageKey, type SentPage } from './page.ts'
import { recordPages } from './record-pages.ts'

const maxGroup = 256
const maxWaiting = 4_096
/** The tries bridge a time when the database is unavailable. */
const maxTries = 8
/** While an app is being deleted, which takes minutes if it has much data. */
const maxLockedTries = 150
const firstPauseMs = 250
const maxPauseMs = 4_000

/**
 * Pages that end while a transaction runs are recorded together in the next one. Pages of an app that is being deleted
 * wait without the others.
 *
 * @param signal aborted when the process is about to end: pages no longer wait for a deletion
 */
export function createPageRecorder(
  deps: Pick<Deps, 'db' | 'clock' | 'log' | 'metrics'>,
  signal: AbortSignal,
) {
  const group = createGroupCommit<SentPage, boolean>({
    maxGroup,
    maxWaiting,
    groupsAtOnce: 1,
    async commit(pages) {
      const { lapsed, waiting, completed } = await deps.db
        .transaction()
        .execute((trx) => recordPages(trx, deps, pages))
      for (const one of completed) reportCompletion(deps, one)
      return pages.map(({ page }) =>
        waiting.has(pageKey(page)) ? new AppLockedError() : !lapsed.has(pageKey(page)),
      )
    },
  })
  return {
    /**
     * Resolves once the page is recorded; false: it had been recorded before, or its notification is gone.
     *
     * @throws the error of the last try
     */
    async record(sent: SentPage): Promise<boolean> {
      for (let tries = 1; ; tries++) {
        try {
          return await group.add(sent)
        } catch (error) {
          const isLocked = error instanceof AppLockedError
          if (tries === (isLocked ? maxLockedTries : maxTries)) throw error
          const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** tries)
          await sleep(pauseMs, undefined, isLocked ? { signal } : {})
        }
      }
    },
  }
}

/** Records sent pages in the database. */
export type PageRecorder = ReturnType<typeof createPageRecorder>
