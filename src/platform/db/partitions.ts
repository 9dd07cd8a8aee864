import { sql } from 'kysely'
import { firstIdOf } from '../ids.ts'
import type { Db, OpenDatabase, Trx } from './db.ts'
import { endOfCover, findGaps, type TimeRange } from './partition-gaps.ts'

/** A table partitioned by the time in its UUIDv7 key (RFC 9562 §5.7), so that old rows can go with their partition. */
export interface PartitionedTable {
  name: string
  /** Storage parameters of each partition, such as `fillfactor = 80`. */
  storage?: string
}

/** Any number that no other lock of ours has: processes that start together take turns by it. */
const partitionsLock = 7_206_115

/** Rows of what moments are to have a partition; both are included. */
export interface Window {
  from: Date
  until: Date
}

/**
 * Makes the partitions that are missing for rows of any moment in `windows`, whatever partitions lie before, between and
 * after: each of `spanDays`, or as long as the gap. An empty table is made and then attached: that needs no lock that a
 * running insert or update would wait for.
 */
export async function ensurePartitions(
  db: Db,
  tables: readonly PartitionedTable[],
  windows: readonly Window[],
  spanDays: number,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(${partitionsLock})`.execute(trx)
    for (const table of tables) {
      for (const { from, until } of windows) {
        const known = await listPartitions(trx, table.name)
        for (const { start, end } of findGaps(known, from, until, spanDays)) {
          await addPartition(trx, table, start, end)
        }
      }
    }
  })
}

/** @returns for each table until when rows from now on have a partition; `now` itself when there is none for it */
export async function readHorizons(
  db: Db,
  tables: readonly PartitionedTable[],
  now: Date,
): Promise<{ table: string; until: Date }[]> {
  const horizons = []
  for (const { name } of tables) {
    horizons.push({ table: name, until: endOfCover(await listPartitions(db, name), now) })
  }
  return horizons
}

/**
 * Drops the partitions whose every row is older than `before`.
 *
 * On PostgreSQL a partition is detached without a lock that anybody waits for, then dropped. One whose detaching was
 * interrupted is finished first.
 *
 * @returns their names
 */
export async function dropPartitions(
  { db, backend }: Pick<OpenDatabase, 'db' | 'backend'>,
  tables: readonly PartitionedTable[],
  before: Date,
): Promise<string[]> {
  const dropped: string[] = []
  for (const table of tables) {
    for (const partition of await listPartitions(db, table.name)) {
      if (partition.end > before) continue
      if (backend === 'postgres') await detach(db, table.name, partition)
      await sql`drop table ${sql.id(partition.name)}`.execute(db)
      dropped.push(partition.name)
    }
    for (const name of await listDetached(db, table.name)) await sql`drop table ${sql.id(name)}`.execute(db)
  }
  return dropped
}

interface Partition extends TimeRange {
  name: string
  detachPending: boolean
}

/** In the order of time. The name of a partition says what is in it: `events_20260101_20260107`. */
async function listPartitions(db: Db | Trx, table: string): Promise<Partition[]> {
  const { rows } = await sql<{ name: string; detachPending: boolean }>`
    select child.relname as name, inhdetachpending as "detachPending"
    from pg_inherits join pg_class child on child.oid = inhrelid
    where inhparent = ${table}::regclass order by child.relname`.execute(db)
  return rows.map(({ name, detachPending }) => {
    const [start, end] = name.split('_').slice(-2) as [string, string]
    return { name, detachPending, start: fromDigits(start), end: fromDigits(end) }
  })
}

/** Detached by a process that was killed before it dropped them. */
async function listDetached(db: Db, table: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relkind = 'r' and not relispartition and relnamespace = current_schema()::regnamespace
      and relname ~ ${`^${table}_\\d{8}_\\d{8}$`}`.execute(db)
  return rows.map(({ name }) => name)
}

async function addPartition(
  trx: Trx,
  { name, storage }: PartitionedTable,
  start: Date,
  end: Date,
): Promise<void> {
  const partition = `${name}_${toDigits(start)}_${toDigits(end)}`
  await sql`create table ${sql.id(partition)} (like ${sql.id(name)} including all)
    ${storage ? sql.raw(`with (${storage})`) : sql``}`.execute(trx)
  await sql`alter table ${sql.id(name)} attach partition ${sql.id(partition)}
    for values from (${sql.lit(firstIdOf(start))}) to (${sql.lit(firstIdOf(end))})`.execute(trx)
}

async function detach(db: Db, table: string, { name, detachPending }: Partition): Promise<void> {
  const how = detachPending ? sql`finalize` : sql`concurrently`
  await sql`alter table ${sql.id(table)} detach partition ${sql.id(name)} ${how}`.execute(db)
}

function toDigits(day: Date): string {
  return day.toISOString().slice(0, 10).replaceAll('-', '')
}

function fromDigits(digits: string): Date {
  return new Date(`${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}T00:00:00Z`)
}
