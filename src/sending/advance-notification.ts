import type { NotificationProgress } from '../notifications/notification-store.ts'
import { rankOfRest } from '../notifications/rank.ts'
import { audienceShift } from './audience-shift.ts'
import type { NewBatch } from './batch-store.ts'
import { completion } from './complete-notification.ts'
import type { Page, SentPage } from './page.ts'
import { isAllDeferred, type Retry } from './tally.ts'

/** Whether only the due time of a batch changes, because nothing was attempted. No new batch replaces it. */
export function isPostponed({ page, tally }: Pick<SentPage, 'page' | 'tally'>): boolean {
  return page.number !== null && isAllDeferred(tally, page.attempt)
}

/** Computes the progress of a notification after some of its pages. */
export function advance(before: NotificationProgress, pages: readonly SentPage[]) {
  const sum = (count: (sent: SentPage) => number) => pages.reduce((total, sent) => total + count(sent), 0)
  const retries = sum(({ tally }) => tally.retries.length)
  const whole = pages.filter(({ page }) => page.number === null)
  const after: NotificationProgress = {
    ...before,
    isUnresolved: false,
    totalCount:
      before.totalCount +
      sum(({ page }) => (page.number === null ? page.members.length : shiftOf(page).added)),
    // A small audience that was not cut counts as one batch.
    totalBatches: before.totalBatches + whole.filter(({ page }) => page.members.length > 0).length + retries,
    completedBatches:
      before.completedBatches +
      pages.filter(({ page }) => page.members.length > 0 || page.number !== null).length,
    sentCount: before.sentCount + sum(({ tally }) => tally.sent),
    failedCount: before.failedCount + sum(({ tally }) => tally.failed),
    skippedCount: before.skippedCount + sum(({ page }) => shiftOf(page).skipped),
  }
  const retryReason = pages.find((sent) => sent.retryReason)?.retryReason ?? null
  const firstError = pages.find(({ tally }) => tally.firstError)?.tally.firstError ?? null
  const isComplete = after.status === 'sending' && after.completedBatches === after.totalBatches
  const completed = isComplete ? completion(after, firstError) : undefined
  return {
    progress: completed?.progress ?? { ...after, failureReason: retryReason },
    completed,
    retries: (now: Date) => toBatches(pages, after.totalBatches - retries, now),
  }
}

function shiftOf({ expected, members }: Page) {
  return audienceShift(expected, members.length)
}

function toBatches(pages: readonly SentPage[], firstNumber: number, now: Date): NewBatch[] {
  const retries = pages.flatMap(({ page, tally }) => tally.retries.map((retry) => ({ page, retry })))
  return retries.map(({ page, retry }, index) => {
    const ordered = retry.subscriberIds.toSorted()
    return {
      appId: page.appId,
      notificationId: page.id,
      number: firstNumber + index,
      attempt: retry.attempt,
      rank: rankOfRest(page.rank, ordered.length),
      dueAt: dueAtOf(retry, now),
      first: ordered[0]!,
      last: ordered.at(-1)!,
      count: ordered.length,
      subscriberIds: ordered,
    }
  })
}

/** When the subscribers of a retry are due again. */
export function dueAtOf({ delaySeconds }: Retry, now: Date): Date {
  return new Date(now.getTime() + delaySeconds * 1_000)
}
