import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { makeCertificates } from '../../src/local-ends/certificates.ts'
import { createLogger } from '../../src/platform/log.ts'
import { openStorage } from '../../src/storage.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { ageClaims, deliveriesOf, emit, expireLeases } from '../support/database.ts'
import { startReceiver } from '../support/receiver.ts'
import { startTestService } from '../support/service.ts'
import { startServiceProcess } from '../support/service-process.ts'

const key = `kr_live_${randomBytes(32).toString('base64url')}`
const environment = {
  KRAFTER_BOOTSTRAP_API_KEY: key,
  KRAFTER_ALLOW_NETWORKS: '127.0.0.0/8',
  KRAFTER_RATE_LIMIT_DEFAULT: '0',
}
/** On PostgreSQL; the embedded database, which is slower while it is not compiled well, has fewer. */
const totals = { postgres: 2_000, pglite: 1_000 }
const eventsAtOnce = 1_000
const longMs = 120_000

describeOnEachBackend('a replay whose process is killed', (make) => {
  test('goes on where it was: nothing is lost, nothing skipped, nothing made twice', {
    timeout: 2 * longMs,
  }, async () => {
    const [storage, receiver, { ca }] = await Promise.all([make(), startReceiver(), makeCertificates()])
    onTestFinished(async () => {
      await receiver.stop()
      await storage.drop()
    })
    const total = totals[storage.backend]
    const env = { ...environment, ...storage.env }
    const withDatabase = async <T>(
      use: (db: Parameters<typeof deliveriesOf>[0]) => Promise<T>,
    ): Promise<T> => {
      const opened = await openStorage(readConfig(env), createLogger('silent'))
      return use(opened.db).finally(() => opened.close())
    }

    const accepting = await startTestService(storage, environment, ['api'])
    const { api, service } = accepting
    const appId: string = (await api.post('/push/apps', { name: 'Shop' })).body.data.id
    const made = await api.post(`/push/apps/${appId}/webhooks`, {
      url: receiver.origin,
      events: ['notification.sent'],
      enabled: false,
    })
    const webhookId: string = made.body.data.id
    const path = `/push/apps/${appId}/webhooks/${webhookId}`
    for (let n = 0; n < total; n += eventsAtOnce) await emit(service, appId, eventsAtOnce)
    const rows = await service.deps.db.selectFrom('events').select('id').where('app_id', '=', appId).execute()
    const published = new Set(rows.map(({ id }) => id))
    expect(published.size).toBe(total)
    await api.patch(path, { enabled: true })
    const started = await api.post(`${path}/replay`, { since: '2026-01-01T00:00:00Z' })
    expect(started.status).toBe(202)
    const replay: string = started.body.data.id
    await accepting.stop()

    const killed = await startServiceProcess(env, { ca })
    await receiver.waitFor(total / 3, undefined, longMs)
    await killed.end('SIGKILL')
    // Embedded, its claims and leases went with the process.
    if (storage.backend === 'postgres') {
      await withDatabase(ageClaims)
      await withDatabase(expireLeases)
    }
    const arrived = () => new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))
    expect(arrived().size).toBeLessThan(total)

    const last = await startTestService(storage, environment)
    onTestFinished(last.stop)
    const log = last.api
    const status = await poll(
      async () => (await log.get(`${path}/replays/${replay}`)).body.data,
      ({ status }) => status !== 'running',
      longMs,
    )
    expect(status).toMatchObject({ status: 'completed', event_count: total })
    await poll(
      async () => arrived().size,
      (count) => count === total,
      longMs,
    )
    await poll(
      async () => (await log.get(`${path}/deliveries?status=pending&limit=1`)).body.data,
      (pending) => pending.length === 0,
      longMs,
    )
    await last.stop()
    const deliveries = await withDatabase((db) => deliveriesOf(db, webhookId))
    expect(deliveries).toHaveLength(total)
    expect(new Set(deliveries.map(({ event_id }) => event_id))).toEqual(published)
    expect(new Set(deliveries.map((delivery) => `${delivery.replay_id} ${delivery.status}`))).toEqual(
      new Set([`${replay} succeeded`]),
    )
    expect(last.logs.filter(({ level }) => level === 'error')).toEqual([])
  })
})
