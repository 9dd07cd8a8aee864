import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { createKey, revokeKey } from '../../src/access/key-store.ts'
import { DatabaseUnavailable } from '../../src/platform/db/database-errors.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { defaultConnectionLimits } from '../../src/platform/db/postgres/connection-limits.ts'
import { createListeningConnection } from '../../src/platform/db/postgres/listening-connection.ts'
import { type Answer, type Api, poll } from '../support/api.ts'
import { makeDatabase, type TestStorage } from '../support/backends.ts'
import { emit } from '../support/database.ts'
import { makeKey } from '../support/keys.ts'
import { noPgbouncer, startPgbouncer } from '../support/pgbouncer.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

/** What the service waits for in seconds, in tenths of them. */
const connections = {
  silenceMs: 800,
  checkEveryMs: 100,
  listenCheckMs: 300,
  readinessMs: 1_000,
  waitMs: 1_500,
  probeMs: 50,
  maxProbeMs: 100,
}
const statementTimeoutMs = 1_000
/** Four waits as above, on a machine that may be busy. The operating system would wait for minutes. */
const soonMs = 15_000

const { url: serverUrl, reason } = inject('postgres')
const withServer = serverUrl ? describe : describe.skip

const readyz = async ({ api }: TestService) => {
  const response = await fetch(`${api.url}/readyz`)
  return [response.status, ((await response.json()) as { status: string }).status]
}
/** @returns the statuses of so many requests at once */
const atOnce = async (count: number, ask: () => Promise<Answer>) =>
  (await Promise.all(Array.from({ length: count }, ask))).map(({ status }) => status)
const linesOf = ({ logs }: TestService, ...levels: string[]) =>
  logs.filter(({ level }) => levels.includes(level as string))

withServer(`PostgreSQL${reason ? `: ${reason}` : ''}`, () => {
  let storage: TestStorage
  let proxy: TcpProxy
  let running: TestService
  let receiver: Receiver
  /** Past the proxy. */
  let direct: pg.Client
  let db: Db
  let api: Api
  let app: string
  let proxied: string

  beforeAll(async () => {
    storage = await makeDatabase()
    const url = new URL(storage.env.DATABASE_URL!)
    proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) })
    direct = new pg.Client({ connectionString: url.href })
    await direct.connect()
    await direct.query(`alter database ${url.pathname.slice(1)} set deadlock_timeout = '100ms'`)
    url.port = String(proxy.port)
    proxied = url.href
    const env = { DATABASE_URL: proxied, KRAFTER_STATEMENT_TIMEOUT_MS: String(statementTimeoutMs) }
    ;[running, receiver] = await Promise.all([
      startTestService(storage, env, undefined, { connections }),
      startReceiver(),
    ])
    api = running.api
    db = running.service.deps.db
    app = `/push/apps/${(await api.post('/push/apps', { name: 'Shop' })).body.data.id}`
    const webhook = { url: `${receiver.origin}/hook`, events: ['notification.sent'] }
    await api.post(`${app}/webhooks`, webhook)
  })

  afterEach(async () => {
    proxy.setAway(false)
    await poll(
      () => readyz(running),
      ([status]) => status === 200,
    )
    await poll(
      async () => running.logs.at(-1),
      () => true,
    )
    running.logs.length = 0
    receiver.requests.length = 0
  })

  afterAll(async () => {
    await direct.end()
    await running.stop()
    await receiver.stop()
    await proxy.stop()
    await storage.drop()
  })

  /** Sessions on this database that wait for a lock; other tests use the same server. */
  const countWaiting = async () => {
    // A transaction sees the sessions as it saw them first.
    await direct.query('select pg_stat_clear_snapshot()')
    const { rowCount } = await direct.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rowCount!
  }

  test('deliveries resume when all connections have died without a word', async () => {
    proxy.swallow()
    const swallowedAt = performance.now()
    // The first tries may meet dead connections, and say so; what is asked again is done.
    await poll(
      () => api.post('/push/apps', { name: 'after' }),
      ({ status }) => status === 201,
      soonMs,
    )
    await emit(running.service, app.split('/').at(-1)!)
    await receiver.waitFor(1, '/hook', soonMs)
    expect(performance.now() - swallowedAt).toBeLessThan(soonMs)
    expect(await readyz(running)).toEqual([200, 'ready'])
    expect(linesOf(running, 'error')).toEqual([])
  })

  test('the connection that listens is replaced when it has died without a word', async () => {
    const limits = { ...defaultConnectionLimits, ...connections }
    const listening = createListeningConnection(proxied, limits, () => {})
    const heard: string[] = []
    let times = 0
    await listening.listen(
      'news',
      (payload) => heard.push(payload),
      () => {
        times += 1
      },
    )
    // Again and again: on a busy machine, it may be replaced at any time.
    const untilHeard = (news: string) =>
      poll(
        async () => {
          await direct.query(`notify news, '${news}'`)
          return heard
        },
        (all) => all.includes(news),
      )
    await untilHeard('before')
    proxy.swallow()
    const timesBefore = times
    await untilHeard('after')
    expect(times).toBeGreaterThan(timesBefore)
    listening.end()
  })

  test('the connection that listens is replaced at once when the server ends it', async () => {
    const limits = { ...defaultConnectionLimits, relistenMs: 50, listenCheckMs: 3_600_000 }
    const listening = createListeningConnection(proxied, limits, () => {})
    const listened = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let times = 0
    await listening.listen(
      'reports',
      () => {},
      () => listened[times++]?.resolve(),
    )
    await listened[0]!.promise
    const { rowCount } = await direct.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query = 'listen "reports"'`)
    expect(rowCount).toBe(1)
    await listened[1]!.promise
    listening.end()
  })

  test('a session that died without a word leaves no lock behind', async () => {
    const lost = db.transaction().execute(async (trx) => {
      await sql`update apps set name = 'held'`.execute(trx)
      proxy.swallow()
      await sql`update apps set name = 'lost'`.execute(trx)
    })
    await expect(lost).rejects.toThrow(DatabaseUnavailable)
    await direct.query(`set lock_timeout = ${soonMs}`)
    await direct.query(`update apps set name = 'free'`)
  })

  test('a statement that the server works on is left alone', async () => {
    const work = () => sql`select pg_sleep(${(connections.silenceMs / 1_000) * 2}), 1 as n`.execute(db)
    // A server that says nothing for so long counts as dead. On a busy machine that happens, but not again and again.
    const { rows } = await work().catch(work).catch(work)
    expect(rows).toEqual([expect.objectContaining({ n: 1 })])
  })

  test('a server that ends a session in a transaction ends no process', async () => {
    const lost = db.transaction().execute(async (trx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
      // Waits for its end.
      await direct.query('select pg_terminate_backend($1, 20000)', [rows[0]!.pid])
      await sql`select 1`.execute(trx)
    })
    await expect(lost).rejects.toThrow(DatabaseUnavailable)
    expect((await api.get('/push/apps')).status).toBe(200)
  })

  test('a database that is away is a 503, and one log line at a time', async () => {
    proxy.setAway(true)
    const [first] = await Promise.all([api.get(app), api.post('/push/apps', { name: 'x' })])
    expect(first!.status).toBe(503)
    expect(first!.body).toEqual({ error: 'Service unavailable' })
    expect(Number(first!.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await readyz(running)).toEqual([503, 'database unreachable'])
    expect((await fetch(`${api.url}/healthz`)).status).toBe(200)
    await sleep(1_500)
    const lines = linesOf(running, 'warn', 'error').map(({ msg }) => msg)
    expect(lines).toEqual(['database.unavailable'])

    proxy.setAway(false)
    expect((await api.post('/push/apps', { name: 'back' })).status).toBe(201)
    await poll(
      async () => running.logs.map(({ msg }) => msg),
      (messages) => messages.includes('database.available'),
    )
    await emit(running.service, app.split('/').at(-1)!)
    await receiver.waitFor(1, '/hook', soonMs)
  })

  test('a primary that is read-only is not ready, and takes writes as soon as it is writable', async () => {
    const name = new URL(storage.env.DATABASE_URL!).pathname.slice(1)
    const setReadOnly = async (value: string) => {
      await direct.query('set default_transaction_read_only = off')
      await direct.query(`alter database ${name} ${value}`)
    }
    await setReadOnly('set default_transaction_read_only = on')
    // Those of the pool that were open before may still write; the others are opened now, and most stay idle.
    await direct.query('begin; lock table apps in access exclusive mode')
    const asked = atOnce(7, () => api.get('/push/apps'))
    await poll(countWaiting, (waiting) => waiting >= 5)
    await direct.query('rollback')
    await asked
    // More at once each time, until one of them has met a session that is read-only.
    let count = 0
    await poll(
      () => {
        count += 1
        return atOnce(count, () => api.post('/push/apps', { name: 'x' }))
      },
      (statuses) => statuses.includes(503),
      soonMs,
    )
    await poll(
      async () => linesOf(running, 'error'),
      (lines) => lines.some(({ state }) => state === 'read-only'),
    )
    expect(await readyz(running)).toEqual([503, 'database read-only'])
    await atOnce(1, () => api.get('/push/apps'))
    await setReadOnly('reset default_transaction_read_only')
    expect(new Set(await atOnce(8, () => api.post('/push/apps', { name: 'x' })))).toEqual(new Set([201]))
    expect(await readyz(running)).toEqual([200, 'ready'])
    await emit(running.service, app.split('/').at(-1)!)
    await receiver.waitFor(1, '/hook', soonMs)
  })

  test('sixty slow requests of one team leave the others alone', async () => {
    const { key } = await db
      .transaction()
      .execute((trx) =>
        createKey(trx, { name: 'k', team: 'slow', scopes: ['*'], expiresAt: null }, new Date()),
      )
    const slow = api.withKey(key)
    const { id } = (await slow.post('/push/apps', { name: 'slow' })).body.data
    await direct.query('begin; lock table subscribers in access exclusive mode')
    try {
      const asked = Array.from({ length: 60 }, () => slow.get(`/push/apps/${id}/subscribers`))
      await sleep(100)
      const startedAt = performance.now()
      for (let n = 0; n < 5; n++) {
        expect((await api.get(`${app}/webhooks`)).status).toBe(200)
        expect(await readyz(running)).toEqual([200, 'ready'])
      }
      // Behind the slow ones, each would wait for a statement to time out.
      expect(performance.now() - startedAt).toBeLessThan((10 * statementTimeoutMs) / 2)
      const answers = await Promise.all(asked)
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    } finally {
      await direct.query('rollback')
    }
    expect((await slow.get(`/push/apps/${id}/subscribers`)).status).toBe(200)
    expect(linesOf(running, 'error')).toEqual([])
  })

  test('transactions that meet in a deadlock are both done', async () => {
    await sql`create table meeting (id int primary key, n int default 0)`.execute(db)
    await sql`insert into meeting (id) values (1), (2)`.execute(db)
    const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const step = (first: number, second: number) =>
      db.transaction().execute(async (trx) => {
        await sql`update meeting set n = n + 1 where id = ${first}`.execute(trx)
        met[first - 1]!.resolve()
        await met[second - 1]!.promise
        await sql`update meeting set n = n + 1 where id = ${second}`.execute(trx)
      })
    await Promise.all([step(1, 2), step(2, 1)])
    const { rows } = await sql`select n from meeting`.execute(db)
    expect(rows).toEqual([{ n: 2 }, { n: 2 }])
  })

  test('a request that meets another transaction in a deadlock is served', async () => {
    const webhook = { url: `${receiver.origin}/deleted`, events: ['notification.sent'] }
    const { id } = (await api.post(`${app}/webhooks`, webhook)).body.data
    const path = `${app}/webhooks/${id}`
    const since = new Date(Date.now() - 60_000).toISOString()
    expect((await api.post(`${path}/replay`, { since })).status).toBe(202)
    // It waits longer than the request before it looks for a deadlock, so that the request is the one that is ended.
    await direct.query(`set deadlock_timeout = '10s'`)
    await direct.query('begin')
    await direct.query('select from replays where webhook_id = $1 for update', [id])
    const deleted = api.delete(path)
    await poll(countWaiting, (waiting) => waiting > 0)
    await direct.query('select from webhooks where id = $1 for update', [id])
    await direct.query('commit')
    expect((await deleted).status).toBe(204)
  })
})

withServer('PostgreSQL behind a pooler', () => {
  const withPooler = noPgbouncer ? test.skip : test

  withPooler.each(['session', 'transaction'] as const)(
    `in %s mode${noPgbouncer ? `: ${noPgbouncer}` : ''}`,
    async (mode) => {
      const storage = await makeDatabase()
      const pooler = await startPgbouncer(storage.env.DATABASE_URL!, mode)
      const receiver = await startReceiver()
      const limits = {
        KRAFTER_RATE_LIMIT_DEFAULT: '1000',
        KRAFTER_VAPID_SUBJECT: 'mailto:push@shop.example',
      }
      const running = await startTestService(storage, { DATABASE_URL: pooler.url, ...limits })
      try {
        const { id } = (await running.api.post('/push/apps', { name: 'Shop' })).body.data
        const webhook = { url: `${receiver.origin}/hook`, events: ['notification.sent'] }
        await running.api.post(`/push/apps/${id}/webhooks`, webhook)
        const sent = await running.api.post(`/push/apps/${id}/notifications`, { title: 'News' })
        expect(sent.status).toBe(201)
        await receiver.waitFor(1, '/hook')
        const answers = await Promise.all(Array.from({ length: 20 }, () => running.api.get('/push/apps')))
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
        const { key, id: keyId } = await makeKey(running)
        const keyed = running.api.withKey(key)
        expect((await keyed.get('/push/apps')).status).toBe(200)
        await revokeKey(running.service.deps.db, keyId, new Date())
        await poll(
          () => keyed.get('/push/apps'),
          ({ status }) => status === 401,
          4_000,
        )
        const told = linesOf(running, 'warn', 'error').map(({ msg }) => msg)
        expect(told).toEqual(mode === 'transaction' ? ['database.pooled_by_transaction'] : [])
      } finally {
        await running.stop()
        await receiver.stop()
        await pooler.stop()
        await storage.drop()
      }
    },
  )
})
