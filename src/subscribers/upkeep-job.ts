import type { Deps } from '../deps.ts'
import { dayMs } from '../platform/clock.ts'
import { deactivateUnseen, deleteUnseen } from './subscriber-store.ts'

const inactiveAfterDays = 90
const deleteAfterDays = 180
/** Small statements, so that nothing else waits long for a row. */
const rowsAtOnce = 1_000

/** Daily: subscribers unseen for 90 days turn inactive, inactive ones unseen for 180 days are deleted. */
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
