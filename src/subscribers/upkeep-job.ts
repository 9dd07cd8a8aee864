import type { Deps } from '../deps.ts'
import { dayMs } from '../platform/clock.ts'
import { deactivateUnseen, deleteUnseen } from './subscriber-store.ts'

const inactiveAfterDays = 90
const deleteAfterDays = 180
/** Rows per statement, kept small so that nothing else waits long for a row. */
const rowsAtOnce = 1_000

/** Daily: marks subscribers inactive after 90 days unseen, and deletes inactive ones after 180 days unseen. */
export async function runSubscriberUpkeep(deps: Pick<Deps, 'db' | 'clock' | 'log'>): Promise<void> {
  const now = deps.clock.now()
  const daysAgo = (days: number) => new Date(now.getTime() - days * dayMs)
  const deactivated = await untilNone(() =>
    deactivateUnseen(deps.db, daysAgo(inactiveAfterDays), now, rowsAtOnce),
  )
  const deleted = await untilNone(() => deleteUnseen(deps.db, daysAgo(deleteAfterDays), rowsAtOnce))
  deps.log.info({ deactivated, deleted }, 'subscribers.upkeep')
}

async function untilNone(step: () => Promise<number>): Promise<number> {
  let total = 0
  for (let count = await step(); count > 0; count = await step()) total += count
  return total
}
