import { setTimeout as sleep } from 'node:timers/promises'
import type { PartInput } from '../part.ts'
import { megabytes } from '../table.ts'

/** Longer than the first minute, after which a new database gets its daily upkeep. */
const settleMs = 90_000
/** Whole minutes, because much of the upkeep runs once a minute. */
const watchMs = 120_000

/** Measures the resources of an idle service that was just started on a database with data. */
export async function measureIdle({ stage: { service }, backend, table }: PartInput): Promise<void> {
  await sleep(settleMs)
  await service.letAutovacuumRun(false)
  const before = await service.usage()
  await sleep(watchMs)
  const after = await service.usage()
  await service.letAutovacuumRun(true)
  const cpu = ((after.cpuMs - before.cpuMs) / watchMs) * 100
  table.set('resident memory, idle', backend, megabytes(after.resident))
  table.set('CPU, idle', backend, `${cpu.toFixed(1)} % of a core`)
  if (after.transactions === null) return
  const perSecond = (after.transactions - before.transactions!) / (watchMs / 1_000)
  table.set('transactions, idle', backend, `${perSecond.toFixed(1)}/s`)
}
