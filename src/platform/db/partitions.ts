import { sql } from 'kysely'
import { firstIdOf } from '../ids.ts'
import type { Db, OpenDatabase, Trx } from './db.ts'
import { findGaps, firstUncoveredMoment, type TimeRange } from './partition-gaps.ts'

/** A table partitioned by the time in its UUIDv7 key (RFC 9562 §5.7): dropping a partition deletes its old rows. */
export interface PartitionedTable {
  name: string
  /** Storage parameters of each partition, such as `fillfactor = 80`. */
  storage?: string
}

/** An arbitrary number that no other advisory lock uses. Processes that start together take turns with this lock. */
const partitionsLock = 7_206_115

/** A period whose rows need partitions, including both ends. */
export interface Window {
  from: Date
  until: Date
}

/**
 * Creates the partitions that are missing for rows in `windows`, wherever existing partitions lie. Each covers
 * `spanDays`, or the length of the gap. An empty table is created and then attached: this takes no lock that blocks
 * inserts or updates.
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

/** @returns for how long, from `now` on, new rows of a table have a partition without a gap; 0: there is none for `now` */
export async function readHorizon(db: Db, { name }: PartitionedTable, now: Date): Promise<number> {
  return (firstUncoveredMoment(await listPartitions(db, name), now).getTime() - now.getTime()) / 1_000
}

/**
 * Drops the partitions whose every row is older than `before`.
 *
 * On PostgreSQL a partition is first detached concurrently, which blocks nobody, and then dropped. If a detach was
 * interrupted earlier, it is completed first.
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

/** Lists partitions in order of time. A partition's name contains its range: `events_20260101_20260107`. */
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

/** Lists partitions that a process detached, but was killed before it could drop them. */
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
