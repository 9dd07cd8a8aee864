import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeOnEachBackend, openDatabase, type TestStorage } from '../../../test/support/backends.ts'
import { firstIdOf, newId } from '../ids.ts'
import type { OpenDatabase } from './db.ts'
import { dropPartitions, ensurePartitions, readHorizon } from './partitions.ts'

const tables = [{ name: 'things', storage: 'fillfactor = 80' }]
const day = (number: number) => new Date(Date.UTC(2026, 0, number, 12))

describeOnEachBackend('partitions by time', (make) => {
  let storage: TestStorage
  let database: OpenDatabase

  beforeAll(async () => {
    storage = await make()
    database = await openDatabase(storage)
    await sql`create table things (id uuid primary key) partition by range (id)`.execute(database.db)
  })

  afterAll(async () => {
    await database.close()
    await storage.drop()
  })

  const names = async () => {
    const { rows } = await sql<{ name: string }>`
      select relname as name from pg_class where relkind = 'r' and relname like 'things%' order by 1`.execute(
      database.db,
    )
    return rows.map(({ name }) => name)
  }
  const insertAt = (moment: Date) =>
    sql`insert into things values (${firstIdOf(moment)}::uuid)`.execute(database.db)
  const ensure = (until: Date, spanDays: number, from = day(1)) =>
    ensurePartitions(database.db, tables, [{ from, until }], spanDays)

  test('are made without a gap, and once, whoever makes them', async () => {
    await Promise.all([ensure(day(4), 2), ensure(day(4), 2)])
    expect(await names()).toEqual(['things_20260101_20260103', 'things_20260103_20260105'])
    await ensure(day(5), 6)
    expect(await names()).toHaveLength(3)
    for (const moment of [day(1), day(3), day(10)]) await insertAt(moment)
    await expect(insertAt(day(11))).rejects.toThrow(/no partition/)
  })

  test('a new id is not smaller than the first of its moment', () => {
    const before = firstIdOf(new Date())
    expect(newId() > before).toBe(true)
    expect(firstIdOf(new Date(0))).toBe('00000000-0000-0000-0000-000000000000')
  })

  test('go when all that is in them is old enough', async () => {
    expect(await dropPartitions(database, tables, day(2))).toEqual([])
    expect(await dropPartitions(database, tables, day(3))).toEqual(['things_20260101_20260103'])
    const { rows } = await sql`select id from things`.execute(database.db)
    expect(rows).toHaveLength(2)
  })

  test('that were detached by a process that died then are dropped', async () => {
    await sql`alter table things detach partition things_20260103_20260105`.execute(database.db)
    await dropPartitions(database, tables, day(3))
    expect(await names()).toEqual(['things_20260105_20260111'])
  })

  test('are made around now, whatever lies before and after', async () => {
    // Made by a clock that is 40 days ahead, then one that is as much behind.
    await ensure(day(52), 6, day(45))
    await ensure(day(-40), 6, day(-44))
    expect(await readHorizon(database.db, tables[0]!, day(20))).toBe(0)
    await ensure(day(46), 6, day(20))
    for (let number = 20; number <= 56; number++) await insertAt(day(number))
    const midnight = (number: number) => new Date(Date.UTC(2026, 0, number))
    const ahead = midnight(57).getTime() - day(20).getTime()
    expect(await readHorizon(database.db, tables[0]!, day(20))).toBe(ahead / 1_000)
    expect(await names()).toContain('things_20260213_20260214')
  })
})
