import { cpus, loadavg } from 'node:os'
import type { Role } from '../src/app.ts'
import type { Baselines, PartInput } from './part.ts'
import { measureAccepting } from './parts/accepting.ts'
import { measureBaselines } from './parts/baselines.ts'
import { measureCampaign, measureCut } from './parts/campaign.ts'
import { measureDeliveries } from './parts/deliveries.ts'
import { measureComeback, measureCrowd } from './parts/fair-delivering.ts'
import { measureFairSending, measureShares } from './parts/fair-sending.ts'
import { measureIdle } from './parts/idle.ts'
import { measureIsolation } from './parts/isolation.ts'
import { measureNotifications } from './parts/notifications.ts'
import { measureRequests } from './parts/requests.ts'
import { measureWorkers } from './parts/workers.ts'
import { type Ends, startEnds, startStage } from './stage.ts'
import { type Backend, backends, makeStorage, startServer } from './storage.ts'
import { createTable, megabytes, type Table } from './table.ts'

/**
 * `npm run bench` runs all parts, on the embedded database and on PostgreSQL. `npm run bench -- notifications idle`
 * runs only these parts, and `npm run bench -- embedded` (or `PostgreSQL`) uses only that database.
 */

/** One process runs these parts one after the other. Its memory is measured at the end. */
const busy: Record<string, (input: PartInput) => Promise<void>> = {
  notifications: measureNotifications,
  requests: measureRequests,
  deliveries: measureDeliveries,
  campaign: measureCampaign,
}
/** Each of these parts gets a freshly started process. */
const fresh: Record<string, (input: PartInput) => Promise<void>> = {
  idle: measureIdle,
  isolation: measureIsolation,
  'fairness-sending': measureFairSending,
  'fairness-shares': measureShares,
  'fairness-crowd': measureCrowd,
  'fairness-comeback': measureComeback,
  cut: measureCut,
}
/** A process without a worker runs these parts, so accepted notifications are not sent. */
const apiOnly: Record<string, (input: PartInput) => Promise<void>> = { accepting: measureAccepting }
const baselinesOf: Record<string, (keyof Baselines)[]> = {
  notifications: ['webPush'],
  campaign: ['webPush'],
  deliveries: ['rawHttp2', 'rawHttp1'],
  workers: ['rawHttp2'],
}
const parts = [...Object.keys(busy), ...Object.keys(fresh), ...Object.keys(apiOnly), 'workers']

const asked = process.argv.slice(2)
/** A name such as `fairness` also selects every part that begins with it: `fairness-…`. */
const isNamed = (part: string, name: string) => part === name || part.startsWith(`${name}-`)
const unknown = asked.filter((name) => ![...parts, ...backends].some((known) => isNamed(known, name)))
if (unknown.length > 0) {
  console.error(`${unknown.join(', ')}: there are ${[...parts, ...backends].join(', ')}`)
  process.exit(1)
}
const askedParts = parts.filter((part) => asked.some((name) => isNamed(part, name)))
const askedBackends = backends.filter((name) => asked.includes(name))
const chosen = new Set(askedParts.length > 0 ? askedParts : parts)

const load = () => `load of the machine ${loadavg()[0]!.toFixed(1)} on ${cpus().length} cores`
console.log(`${new Date().toISOString()}, ${load()}`)
const server = await startServer()
if (server.reason) console.log(server.reason)
const ends = await startEnds()
const table = createTable()
const wanted = new Set([...chosen].flatMap((part) => baselinesOf[part] ?? []))
const baselines = await measureBaselines(ends, table, wanted)
for (const backend of askedBackends.length > 0 ? askedBackends : backends) {
  if (backend === 'embedded' || server.url) await measureBackend(backend, ends, table)
}
await ends.end()
await server.stop()
table.print(['baseline', ...backends])
console.log(`\n${new Date().toISOString()}, ${load()}`)
process.exit(process.exitCode ?? 0)

async function measureBackend(backend: Backend, ends: Ends, table: Table): Promise<void> {
  const storage = await makeStorage(backend, server.url)
  const runParts = async (of: typeof busy, names: string[], roles?: readonly Role[]) => {
    if (names.length === 0) return
    const stage = await startStage(ends, storage, roles)
    const input = { stage, backend, table, baselines }
    for (const name of names) await orSay(`${name}, ${backend}`, () => of[name]!(input))
    if (of === busy) {
      const { peak } = await stage.service.usage()
      table.set('resident memory, peak, of all lines', backend, megabytes(peak))
    }
    await stage.end()
  }
  const namesOf = (of: typeof busy) => Object.keys(of).filter((name) => chosen.has(name))
  await runParts(busy, namesOf(busy))
  for (const name of namesOf(fresh)) await runParts(fresh, [name])
  await runParts(apiOnly, namesOf(apiOnly), ['api'])
  await storage.drop()
  if (chosen.has('workers') && backend === 'PostgreSQL') await measureWorkersAlone(ends, table)
}

/** Uses a new database: PostgreSQL is still vacuuming the million subscribers of the other one. */
async function measureWorkersAlone(ends: Ends, table: Table): Promise<void> {
  const storage = await makeStorage('PostgreSQL', server.url)
  await orSay('workers', () => measureWorkers(ends, storage, table, baselines.rawHttp2))
  await storage.drop()
}

/** Prints the error of a part that fails, so that the other parts still run. */
async function orSay(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    console.error(`${name} failed:`, error)
    process.exitCode = 1
  }
}
