import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Role, Service } from '../src/app.ts'
import { readConfig } from '../src/config/config.ts'
import { emitEvents, type NewEvent } from '../src/deliveries/publish-event.ts'
import { toTimestamp } from '../src/platform/clock.ts'
import type { Db } from '../src/platform/db/db.ts'
import { saveMemory } from '../src/platform/heap.ts'
import { newId } from '../src/platform/ids.ts'
import { createLogger } from '../src/platform/log.ts'
import { serveParent } from './child.ts'
import { makeSubscriptions } from './subscriptions.ts'

/** The resources that a process has used since it started. */
export interface Usage {
  /** Current resident memory in bytes. */
  resident: number
  /** Peak resident memory in bytes. */
  peak: number
  cpuMs: number
  /** Transactions of all processes in the database; null: not counted. */
  transactions: number | null
}

export interface ServiceSettings {
  env: Record<string, string>
  ca: string
  roles?: readonly Role[]
}

/** Events per transaction: as many as a page of a campaign creates, and as many as fill a backlog quickly. */
const eventsAtOnce = 64
const backlogAtOnce = 2_000
const rowsAtOnce = 1_000

let service: Service

const api = {
  /** Starts the service like `npm start`, without logs and with loopback addresses allowed. @returns its url, if any */
  async start({ env, ca, roles = ['api', 'worker'] }: ServiceSettings): Promise<string | undefined> {
    saveMemory()
    const config = readConfig({ PORT: '0', KRAFTER_ALLOW_NETWORKS: '127.0.0.0/8', ...env })
    // Loaded as by the command line: its file of the bundle takes less memory than one for everything.
    const { startService } = await import('../src/app.ts')
    service = await startService(config, { ca, roles, log: createLogger(process.env.BENCH_LOG ?? 'error') })
    return service.url
  },
  stop: () => service.stop(),
  async usage(): Promise<Usage> {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
    return {
      resident: process.memoryUsage.rss(),
      // Linux and macOS use different units; Node converts both to kilobytes.
      peak: maxRSS * 1_024,
      cpuMs: (userCPUTime + systemCPUTime) / 1_000,
      transactions: await countTransactions(),
    }
  },
  /**
   * Whether PostgreSQL vacuums by itself: its transactions would be counted with the service's. Only a superuser may
   * change it; for others, they are counted.
   */
  async letAutovacuumRun(runs: boolean): Promise<void> {
    const { db, backend } = service.deps
    if (backend === 'pglite') return
    const change = runs ? sql`alter system reset autovacuum` : sql`alter system set autovacuum = off`
    await change.execute(db).catch((error: Error) => console.warn(`autovacuum: ${error.message}`))
    await sql`select pg_reload_conf()`.execute(db).catch(() => {})
  },
  /** Creates events of an app in bulk, as a campaign's reports do. */
  async makeEvents(appId: string, count: number): Promise<void> {
    await makeEvents(appId, count, eventsAtOnce)
  },
  /** Creates events of an app in large transactions, because only their delivery is measured. */
  async makeBacklog(appId: string, count: number): Promise<void> {
    await makeEvents(appId, count, backlogAtOnce)
  },
  /** Waits until an app has no pending delivery. @throws when a delivery has not succeeded */
  async settle(appId: string): Promise<void> {
    const { db } = service.deps
    const isAny = async (condition: ReturnType<typeof sql>) => {
      const found =
        await sql`select from deliveries where app_id = ${appId}::uuid and ${condition} limit 1`.execute(db)
      return found.rows.length > 0
    }
    // Counting the deliveries each time would add a tenth to the measured work.
    while (await isAny(sql`status = 'pending'`)) await sleep(25)
    if (await isAny(sql`status <> 'succeeded'`)) throw new Error('not all deliveries succeeded')
  },
  /** Waits until `count` deliveries have succeeded. @returns how long they took, created → answered */
  async latency(appId: string, count: number, timeoutMs: number): Promise<{ p50Ms: number; p99Ms: number }> {
    const giveUpAt = performance.now() + timeoutMs
    for (;;) {
      const { rows } = await sql<{ p50Ms: number; p99Ms: number; count: number }>`
        select count(*)::int as count,
          percentile_disc(0.5) within group (order by ms) as "p50Ms",
          percentile_disc(0.99) within group (order by ms) as "p99Ms"
        from (select extract(epoch from finished_at - created_at)::float8 * 1000 as ms from deliveries
          where app_id = ${appId}::uuid and status = 'succeeded') as settled`.execute(service.deps.db)
      const { count: settled, ...found } = rows[0]!
      if (settled >= count) return found
      if (performance.now() > giveUpAt) throw new Error(`only ${settled} of ${count} deliveries succeeded`)
      await sleep(50)
    }
  },
  /**
   * Creates subscribers with the tag `crowd`, bypassing the API because only sending to them is measured. The database
   * makes the rows, so that they do not count as memory of the service.
   */
  async makeSubscribers(appId: string, origin: string, count: number): Promise<void> {
    const { db } = service.deps
    const hexKeys = makeSubscriptions(origin).map(({ keys }) => ({
      p256dh: Buffer.from(keys.p256dh, 'base64url').toString('hex'),
      auth: Buffer.from(keys.auth, 'base64url').toString('hex'),
    }))
    for (let from = 0; from < count; from += rowsAtOnce) {
      const to = Math.min(from + rowsAtOnce, count) - 1
      await insertSubscribers(db, { appId, origin, hexKeys, firstId: newId(), from, to })
    }
    await sql`analyze subscribers`.execute(db)
  },
}

export type ServiceApi = typeof api
serveParent(api)

async function makeEvents(appId: string, count: number, atOnce: number): Promise<void> {
  const { db, clock } = service.deps
  for (let left = count; left > 0; left -= atOnce) {
    const events = Array.from({ length: Math.min(left, atOnce) }, () => toEvent(appId, clock.now()))
    await db.transaction().execute((trx) => emitEvents(trx, events))
  }
}

function toEvent(appId: string, occurredAt: Date): NewEvent {
  const ids = { notification_id: newId(), app_id: appId, subscriber_id: newId() }
  const data = { ...ids, user_id: null, platform: 'web' as const, at: toTimestamp(occurredAt) }
  return { appId, type: 'notification.delivered', occurredAt, data }
}

interface NewSubscribers {
  appId: string
  origin: string
  hexKeys: readonly { p256dh: string; auth: string }[]
  /** A UUIDv7: the ids have its time, and their number behind it. */
  firstId: string
  from: number
  to: number
}

async function insertSubscribers(db: Db, rows: NewSubscribers): Promise<void> {
  await sql`
    insert into subscribers (app_id, id, platform, token, token_hash, p256dh, auth, tags, metadata, status,
      last_seen_at, created_at, updated_at)
    select ${rows.appId}::uuid, (${rows.firstId.slice(0, 24)}::text || lpad(to_hex(number), 12, '0'))::uuid, 'web',
      token, sha256(token::bytea), decode(p256dh, 'hex'), decode(auth, 'hex'), '{crowd}', '{}', 'active', now(), now(), now()
    from generate_series(${rows.from}::int, ${rows.to}::int) number
    cross join lateral (select ${`${rows.origin}/push/`}::text || number as token) endpoint
    join rows from (json_to_recordset(${JSON.stringify(rows.hexKeys)}::text::json) as (p256dh text, auth text))
      with ordinality as key (p256dh, auth, place) on place = number % ${rows.hexKeys.length}::int + 1`.execute(
    db,
  )
}

/** Returns null for the embedded database: its transaction counters are not kept up to date. */
async function countTransactions(): Promise<number | null> {
  if (service.deps.backend === 'pglite') return null
  const { rows } = await sql<{ count: string }>`
    select xact_commit + xact_rollback as count from pg_stat_database
    where datname = current_database()`.execute(service.deps.db)
  return Number(rows[0]!.count)
}
