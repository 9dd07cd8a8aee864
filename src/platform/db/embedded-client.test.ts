import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeDataFolder, type TestStorage } from '../../../test/support/backends.ts'
import { type EmbeddedClient, openEmbeddedClient } from './embedded-client.ts'

let storage: TestStorage
let client: EmbeddedClient

beforeAll(async () => {
  storage = makeDataFolder()
  client = await openEmbeddedClient(join(storage.env.KRAFTER_DATA_DIR!, 'database'), [
    'statement_timeout = 60000',
  ])
  await client.exec('create table tokens (token text primary key, bytes bytea); create table counts (n int)')
})
afterAll(async () => {
  await client.close()
  await storage.drop()
})

describe('the embedded database in its thread', () => {
  test('has the settings it was opened with', async () => {
    expect((await client.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '1min' }])
  })

  test('answers with values of their own types', async () => {
    const at = new Date('2026-11-24T10:00:00.123Z')
    // A view into the pool that all small buffers share.
    const bytes = Buffer.from('bytes')
    const { rows } = await client.query(
      `select $1::timestamptz as at, $2::bytea as bytes, $3::json as json, array['a', 'b'] as list, null as nothing`,
      [at, bytes, { a: [1] }],
    )
    expect(rows).toEqual([{ at, bytes, json: { a: [1] }, list: ['a', 'b'], nothing: null }])
  })

  test('says what an error is about, and never what a statement was given', async () => {
    await client.query('insert into tokens (token) values ($1)', ['known'])
    const error = await client
      .query(`insert into tokens (token, bytes) values ('known', $1)`, [Buffer.from('hunter2')])
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      message: 'duplicate key value violates unique constraint "tokens_pkey"',
      code: '23505',
      constraint: 'tokens_pkey',
    })
    expect(Object.keys(error as Error)).not.toContain('params')
    expect(JSON.stringify(error)).not.toContain(JSON.stringify(Buffer.from('hunter2').toJSON().data))
  })

  test('commits a transaction, and has all else wait for it', async () => {
    const transaction = client.begin()
    const first = transaction.query('insert into counts values (1)')
    const read = client.query('select sum(n)::int as sum from counts')
    await first
    await transaction.query('insert into counts values (2)')
    await transaction.commit()
    expect((await read).rows).toEqual([{ sum: 3 }])
  })

  test('rolls back a transaction', async () => {
    await client.exec('truncate counts')
    const transaction = client.begin()
    await transaction.query('insert into counts values (1)')
    await transaction.rollback()
    expect((await client.query('select n from counts')).rows).toEqual([])
  })

  test('hands on notifications of the channels listened to', async () => {
    const heard = Promise.withResolvers<string>()
    const stop = await client.listen('news', heard.resolve)
    await client.query(`select pg_notify('other', 'nothing'), pg_notify('news', 'it works')`)
    expect(await heard.promise).toBe('it works')
    await stop()
  })

  test('hands a notification on once to each who listens', async () => {
    const heard: string[] = []
    const both = await Promise.all(
      [1, 2].map((n) => client.listen('twice', (text) => heard.push(`${n} ${text}`))),
    )
    await client.query(`select pg_notify('twice', 'a')`)
    await client.query('select 1')
    expect(heard).toEqual(['1 a', '2 a'])
    for (const stop of both) await stop()
  })

  test('refuses to work once closed, however often it is closed', async () => {
    const other = makeDataFolder()
    const closed = await openEmbeddedClient(join(other.env.KRAFTER_DATA_DIR!, 'database'), [])
    await Promise.all([closed.close(), closed.close()])
    expect(closed.closed).toBe(true)
    await expect(closed.query('select 1')).rejects.toThrow('the embedded database is closed')
    await other.drop()
  })
})

test('closing rolls back the transactions that are open, and waits for nobody', async () => {
  const own = makeDataFolder()
  const path = join(own.env.KRAFTER_DATA_DIR!, 'database')
  const closing = await openEmbeddedClient(path, [])
  await closing.exec('create table kept (n int)')
  await closing.begin().query('insert into kept values (1)')
  // One that has not begun: the first has to end before.
  const waiting = closing.begin().query('select 1')
  waiting.catch(() => {})
  await closing.close()
  const again = await openEmbeddedClient(path, [])
  expect((await again.query('select n from kept')).rows).toEqual([])
  await again.close()
  await own.drop()
})
