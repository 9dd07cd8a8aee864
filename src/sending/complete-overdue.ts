import { emitEvents } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import { lockNotifications, saveProgress } from '../notifications/notification-store.ts'
import { completion, reportCompletion } from './complete-notification.ts'
import { findOverdue } from './due-store.ts'

const maxAtOnce = 500

/**
 * Ends the notifications of some apps that have been sending for `KRAFTER_SENT_AFTER`. `notification.sent` is emitted
 * with the counts so far. Recipients still being tried are counted later.
 */
export async function completeOverdue(
  deps: Pick<Deps, 'db' | 'clock' | 'config' | 'log' | 'metrics'>,
  appIds: readonly string[],
): Promise<void> {
  const now = deps.clock.now()
  const startedBefore = new Date(now.getTime() - deps.config.sentAfterSeconds * 1_000)
  const overdue = await findOverdue(deps.db, appIds, startedBefore, maxAtOnce)
  if (overdue.length === 0) return
  const completed = await deps.db.transaction().execute(async (trx) => {
    const locked = await lockNotifications(trx, overdue, 'skip locked')
    const open = [...locked.values()].filter(
      ({ status, isUnresolved }) => status === 'sending' && !isUnresolved,
    )
    const ended = open.map((progress) => completion(progress, null))
    await saveProgress(
      trx,
      ended.map(({ progress }) => progress),
      now,
    )
    await emitEvents(
      trx,
      ended.map(({ event }) => event(now)),
    )
    return ended
  })
  for (const one of completed) reportCompletion(deps, one)
}
