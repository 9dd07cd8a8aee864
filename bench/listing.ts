import { CompiledQuery, sql } from 'kysely'
import pg from 'pg'
import { type DeliveryQuery, listDeliveries } from '../src/deliveries/log/delivery-log-store.ts'
import type { Db } from '../src/platform/db/db.ts'
import { migrate } from '../src/platform/db/migrate.ts'
import { openPostgres } from '../src/platform/db/open-database.ts'
import { ensurePartitions } from '../src/platform/db/partitions.ts'
import { fromCursor, presentPage } from '../src/platform/http/cursor.ts'
import { newId } from '../src/platform/ids.ts'
import { createLogger } from '../src/platform/log.ts'
import { eventLog } from '../src/retention/event-log.ts'
import { startPostgres } from '../test/support/postgres-server.ts'
import { makeServerDatabase } from '../test/support/server-database.ts'

/**
 * `node bench/listing.ts` measures how long pages of a webhook's delivery log take, and prints how PostgreSQL reads
 * them. It fills a database with BENCH_LISTING_DELIVERIES deliveries to one webhook and half as many to another, over
 * 30 days in partitions of six days. One delivery in 1,000 has failed.
 */

const deliveries = Number(process.env.BENCH_LISTING_DELIVERIES ?? 1_000_000)
const days = 30
const partitionDays = 6
const failedOneIn = 1_000
const pageSize = 50
const farPage = 1_000
const dayMs = 86_400_000

const server = await startPostgres(['shared_buffers=128MB', 'max_connections=100'])
if (!server.url) throw new Error(server.reason!)
const { url, drop } = await makeServerDatabase(server.url, 'krafter_listing')
/** Every query sent to the pool, recorded so that exactly this query can be explained. */
const asked: { text: string; values: unknown[] }[] = []
const { db, close } = await openPostgres(url, { log: createLogger('silent') })
await migrate(db)

const [appId, webhookId, otherWebhookId] = [newId(), newId(), newId()]
await fill(db)
console.log(`${deliveries.toLocaleString('en')} deliveries in ${Math.ceil(days / partitionDays)} partitions`)
recordQueries()
await measure('all', {})
await measure('status=failed', { status: 'failed' })
await measure('status=pending (none)', { status: 'pending' })
await measure('status=succeeded', { status: 'succeeded' })
await measure('event of one in 1,000', { event: 'notification.sent' })
await close()
await drop()
await server.stop()

/** Inserts rows as the service stores them. Their ids are spread evenly over the days, and the newest is from now. */
async function fill(db: Db): Promise<void> {
  const until = new Date()
  const from = new Date(until.getTime() - days * dayMs)
  await ensurePartitions(db, eventLog, [{ from, until }], partitionDays)
  for (const [id, count] of [
    [webhookId, deliveries],
    [otherWebhookId, deliveries / 2],
  ] as const) {
    const stepMs = (days * dayMs) / count
    await sql`
      with row as (
        select n, ${from.getTime()}::float8 + n * ${stepMs}::float8 as ms from generate_series(1, ${count}::int) n
      ), made as (
        select n, to_timestamp(ms / 1000) as at,
          (lpad(to_hex(ms::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8' || substr(md5(n::text || ${id}::text), 1, 15))::uuid as id
        from row
      ), sent as (
        insert into deliveries (app_id, id, event_id, event_type, webhook_id, webhook_generation, status,
          attempt_count, created_at, finished_at)
        select ${appId}, id, id, case when n % ${failedOneIn} = 7 then 'notification.sent' else 'notification.delivered' end,
          ${id}, 0, case when n % ${failedOneIn} = 0 then 'failed' else 'succeeded' end, 1, at, at from made
        returning id, created_at, status
      )
      insert into attempts (app_id, delivery_id, number, id, started_at, duration_ms, response_status, error)
      select ${appId}, id, 1, gen_random_uuid(), created_at, 20,
        case when status = 'failed' then 500 else 204 end, case when status = 'failed' then 'status' end
      from sent`.execute(db)
  }
  for (const table of ['deliveries', 'attempts']) await sql`vacuum (analyze) ${sql.table(table)}`.execute(db)
}

/** Measures page 1 and page `farPage`, or the last page if the log is shorter. */
async function measure(title: string, filter: Partial<DeliveryQuery>): Promise<void> {
  const query = { status: undefined, event: undefined, from: undefined, before: undefined, ...filter }
  const read = (after: string | undefined) =>
    listDeliveries(db, appId!, webhookId!, { ...query, after, limit: pageSize })
  await report(`${title}, page 1`, () => read(undefined))
  let cursor: string | undefined
  let page = 1
  while (page < farPage) {
    const { next_cursor: nextCursor } = presentPage('d', await read(cursor), pageSize, (row) => row)
    if (!nextCursor) break
    cursor = fromCursor('d', nextCursor)
    page += 1
  }
  if (page > 1) await report(`${title}, page ${page.toLocaleString('en')}`, () => read(cursor))
}

async function report(title: string, read: () => Promise<unknown[]>): Promise<void> {
  const times: number[] = []
  let found = 0
  for (let round = 0; round < 5; round++) {
    asked.length = 0
    const startedAt = performance.now()
    found = (await read()).length
    times.push(performance.now() - startedAt)
  }
  const { text, values } = asked[0]!
  const { rows } = await db.executeQuery<Explained>(
    CompiledQuery.raw(`explain (analyze, buffers, format json) ${text}`, values),
  )
  const [{ Plan: plan, 'Execution Time': executionMs, 'Planning Time': planningMs }] = rows[0]!['QUERY PLAN']
  const buffers = plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
  const median = times.toSorted((a, b) => a - b)[2]!
  console.log(
    `\n${title}: ${median.toFixed(1)} ms (planned in ${planningMs} ms, executed in ${executionMs} ms), ${found} rows, ${buffers} buffers`,
  )
  for (const line of describePlan(plan)) console.log(`  ${line}`)
}

interface Explained {
  'QUERY PLAN': [{ Plan: PlanNode; 'Execution Time': number; 'Planning Time': number }]
}

interface PlanNode {
  'Node Type': string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: PlanNode[]
}

/** @returns a line for each plan node that ran */
function describePlan(node: PlanNode, depth = 0): string[] {
  if (node['Actual Loops'] === 0) return []
  const removed = node['Rows Removed by Filter']
  const parts = [
    node['Node Type'],
    node['Index Name'],
    `rows ${node['Actual Rows']} × ${node['Actual Loops']}`,
    removed ? `filtered out ${removed}` : undefined,
  ]
  return [
    '  '.repeat(depth) + parts.filter(Boolean).join(', '),
    ...(node.Plans ?? []).flatMap((child) => describePlan(child, depth + 1)),
  ]
}

function recordQueries(): void {
  const { query } = pg.Client.prototype
  pg.Client.prototype.query = function (this: pg.Client, text: string, values?: unknown[]) {
    if (values && !text.startsWith('explain')) asked.push({ text, values: [...values] })
    return (query as (text: string, values?: unknown[]) => unknown).call(this, text, values)
  } as typeof query
}
