import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { describeOnEachBackend, openDatabase, type TestStorage } from '../../../test/support/backends.ts'
import { type Db, type OpenDatabase, pipelined, type Trx } from './db.ts'
import { statementContext } from './statement-context.ts'

const insert = (db: Db | Trx, n: number) => sql`insert into counts (n) values (${n})`.execute(db)

async function read(db: Db | Trx): Promise<number[]> {
  const { rows } = await sql<{ n: number }>`select n from counts order by n`.execute(db)
  return rows.map(({ n }) => n)
}

/** Goes on after `fail` has failed, and asks for a statement that its transaction no longer has. */
const insertLater = async (trx: Trx) => {
  await insert(trx, 2)
  await nextTurn()
  await insert(trx, 3)
}

const failures: [string, string, (trx: Trx) => Promise<unknown>][] = [
  ['rejects', 'no more', () => Promise.reject(new Error('no more'))],
  ['fails in a statement', 'division by zero', (trx) => sql`select 1 / 0`.execute(trx)],
  ['fails when it commits', 'duplicate key', (trx) => insert(trx, 1)],
  [
    'fails in one of several statements',
    'division by zero',
    (trx) => pipelined([insert(trx, 2), sql`select 1 / 0`.execute(trx), insert(trx, 3)]),
  ],
  [
    'fails while other statements are still to come',
    'no more',
    (trx) => pipelined([Promise.reject(new Error('no more')), insertLater(trx)]),
  ],
]

describeOnEachBackend('transactions', (make) => {
  let storage: TestStorage
  let open: OpenDatabase
  let db: Db

  beforeAll(async () => {
    storage = await make()
    open = await openDatabase(storage)
    db = open.db
    await sql`create table counts (n int unique deferrable initially deferred)`.execute(db)
  })

  afterAll(async () => {
    await open.close()
    await storage.drop()
  })

  beforeEach(async () => {
    await sql`truncate counts`.execute(db)
  })

  test('may be several statements in one text, as those of the queue’s upkeep are', async () => {
    await open.queueDb!.executeSql('begin; insert into counts (n) values (1); commit', [])
    await open.queueDb!.executeSql('begin; insert into counts (n) values (2); commit', [])
    expect(await read(db)).toEqual([1, 2])
  })

  test('say how many rows a statement changed', async () => {
    await insert(db, 1)
    expect((await sql`update counts set n = 2`.execute(db)).numAffectedRows).toBe(1n)
  })

  test('say in an error who asked for the statement', async () => {
    const error: Error = await sql`select 1 / 0`.execute(db).catch((reason) => reason)
    expect(error.stack).toContain('db.test.ts')
  })

  test('prepare the statements of loops, and plan those of requests for their values', async () => {
    const prepared = (caller?: string) =>
      db.connection().execute(async (connection) => {
        await sql`select ${caller ?? 'nobody'}::text as "by", ${1}::int as n`.execute(connection)
        const found = await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(
          connection,
        )
        return found.rows.some(({ statement }) => statement.includes('as "by"'))
      })
    expect(await statementContext.run({ caller: 'team' }, () => prepared('team'))).toBe(false)
    expect(await prepared()).toBe(true)
  })

  test('survive that another version adds a column to what they return', async () => {
    await sql`create table added (n int)`.execute(db)
    const returned = await db.connection().execute(async (connection) => {
      const read = () => sql`select * from added where n = ${1}`.execute(connection)
      const write = () => sql`insert into added (n) values (${1}) returning *`.execute(connection)
      await read()
      await write()
      await sql`alter table added add column later int`.execute(connection)
      await write()
      return (await read()).rows
    })
    expect(returned).toEqual([
      { n: 1, later: null },
      { n: 1, later: null },
    ])
  })

  test('are apart while several are open', async () => {
    const seen = await Promise.all(
      [1, 2].map((n) =>
        db.transaction().execute(async (trx) => {
          await insert(trx, n)
          return (await read(trx)).includes(n)
        }),
      ),
    )
    expect(seen).toEqual([true, true])
    expect(await read(db)).toEqual([1, 2])
  })

  test('run what is asked for together in its order', async () => {
    const [, , seen] = await db
      .transaction()
      .execute((trx) =>
        pipelined([insert(trx, 1), sql`update counts set n = n + 1`.execute(trx), read(trx), insert(trx, 1)]),
      )
    expect(seen).toEqual([2])
    expect(await read(db)).toEqual([1, 2])
  })

  test.for(failures)('leave nothing of one that %s', async ([, message, fail]) => {
    const transaction = db.transaction().execute(async (trx) => {
      await insert(trx, 1)
      await fail(trx)
    })
    await expect(transaction).rejects.toThrow(message)
    await insert(db, 4)
    expect(await read(db)).toEqual([4])
  })
})
