import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { newId } from '../../src/platform/ids.ts'
import { type Answer, poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import type { Received } from '../support/receiver.ts'
import { startTestService } from '../support/service.ts'
import { useStage } from '../support/stage.ts'

/** Values that the columns of a type can hold, by the names of the types. */
const oddValues: Record<string, string[]> = {
  timestamptz: ['infinity', '-infinity', '294000-01-01', '0044-03-15 BC'],
  json: ['null', '3', '"text"', '[]', '{}', '[null]', '{"type": null}', '{"origins": [null]}'],
  text: ['', 'later', '[]', 'null'],
  _text: ['{}', '{NULL}', '{later}'],
  int4: ['-1', '2147483647'],
  int2: ['-1', '32767'],
  _int4: ['{}', '{NULL}', '{-1}'],
  bool: ['true', 'false'],
  bytea: ['', '\\x00'],
}

/** More than one sweep reads of a lane. */
const many = 300

describeOnEachBackend('rows of a form that this version does not know', (make) => {
  const stage = useStage(make)

  const makeApp = async () => {
    const base = `/push/apps/${(await stage.running.api.post('/push/apps', { name: 'A' })).body.data.id}`
    const { registration } = stage.pushService.makeDevice(newId())
    await stage.running.api.post(`${base}/subscribers`, { ...registration, user_id: 'ada' })
    return base
  }
  const makeHook = async (base: string, name: string) => {
    const body = { url: `${stage.receiver.origin}/${name}`, events: ['notification.sent'] }
    return (await stage.running.api.post(`${base}/webhooks`, body)).body.data.id as string
  }
  const send = async (base: string, title = 'Hello') => {
    const body = { title, targeting: { type: 'user_ids', ids: ['ada'] } }
    const { id } = (await stage.running.api.post(`${base}/notifications`, body)).body.data
    const done = await poll(
      () => stage.running.api.get(`${base}/notifications/${id}`),
      ({ body }) => ['sent', 'failed'].includes(body.data.status),
    )
    return done.body.data
  }

  test('block no others, and nothing is sent to anybody because of them', async () => {
    const { db } = stage.running.service.deps
    const base = await makeApp()
    const appId = base.split('/').at(-1)!
    const { id } = await send(base)
    const good = await makeHook(base, 'good')
    const filtered = await makeHook(base, 'filtered')
    const batched = await makeHook(base, 'batched')
    const addressed = await makeHook(base, 'addressed')
    const set = (id: string, column: string, value: string) =>
      sql`update webhooks set ${sql.ref(column)} = ${sql.lit(value)} where id = ${id}`.execute(db)
    await set(filtered, 'filter', '{"near": {"km": null}, "and": 3}')
    await set(batched, 'batch', '{"every": "minute"}')
    await set(addressed, 'url', 'somewhere')
    const unlimited = await makeHook(base, 'unlimited')
    await set(unlimited, 'rate_limit', '0')
    const signed = await makeHook(base, 'signed')
    await set(signed, 'signature', 'ml-dsa')
    const copy = async (changes: object, count: number) => {
      await sql`insert into notifications select (jsonb_populate_record(n, ${JSON.stringify(changes)}::text::jsonb
        || jsonb_build_object('id', gen_random_uuid(), 'status', 'sending', 'due_at', now() - interval '1 hour'))).*
        from notifications n cross join generate_series(1, ${count}::int) where n.id = ${id}`.execute(db)
    }
    await copy({ targeting: { type: 'segment', ids: ['ada'] }, rank: 0 }, many)
    await copy({ rank: 9 }, 1)
    // A later version has more states, in which nothing is sent.
    for (const targeting of ['{"type": "all"}', '{"type": "user_ids", "ids": ["ada"]}']) {
      await sql`update notifications set status = 'paused', due_at = now(), targeting = ${targeting}::json
        where id = ${(await send(base, 'Paused')).id}`.execute(db)
    }
    const other = await makeApp()
    await sql`update notifications set rank = 9, status = 'sending', due_at = now()
      where id = ${(await send(other)).id}`.execute(db)
    // What a person or another program may have written by hand.
    const odd = await makeApp()
    const oddHook = await makeHook(odd, 'odd')
    const counted = await makeHook(odd, 'counted')
    await send(odd, 'Odd')
    await stage.receiver.waitFor(1, '/odd')
    await stage.receiver.waitFor(1, '/counted')
    for (const change of [
      sql`due_at = 'infinity'`,
      sql`due_at = '-infinity', created_at = '-infinity'`,
      sql`due_at = '294000-01-01'`,
      sql`due_at = now(), created_at = 'infinity'`,
      sql`due_at = now(), targeting = '{"type": "user_ids", "ids": ["\\u0000"]}'`,
      sql`due_at = now(), targeting = '{"type": "user_ids", "ids": ["\\ud800", 3, {}]}'`,
      sql`due_at = now(), content = '"text"'`,
    ]) {
      const { id } = await send(odd, 'Odd')
      await sql`update notifications set ${change}, status = 'sending' where id = ${id}`.execute(db)
    }
    await sql`update deliveries set status = 'pending', next_attempt_at = 'infinity', finished_at = null
      where webhook_id = ${oddHook}`.execute(db)
    await sql`update deliveries set status = 'pending', next_attempt_at = now(), attempt_count = 2147483647
      where webhook_id = ${counted} and id = (select min(id::text)::uuid from deliveries where webhook_id = ${counted})
      `.execute(db)
    await sql`insert into deliveries (app_id, id, event_id, event_type, webhook_id, webhook_generation, status,
        next_attempt_at, created_at)
      select ${appId}::uuid, id::uuid, id::uuid, 'notification.sent', ${good}::uuid, 0, 'pending',
        now() - interval '1 hour', now()
      from json_array_elements_text(${JSON.stringify(Array.from({ length: many }, newId))}::text::json) id`.execute(
      db,
    )
    // The lanes are looked through at a start.
    await stage.running.stop()
    stage.running = await startTestService(stage.storage, {
      KRAFTER_BOOTSTRAP_API_KEY: stage.running.api.key,
    })

    expect(await send(base)).toMatchObject({ status: 'sent', stats: { sent_count: 1 } })
    expect(await send(other)).toMatchObject({ status: 'sent', stats: { sent_count: 1 } })
    await stage.receiver.waitFor(1, '/good')
    await stage.receiver.waitFor(1, '/filtered')
    const oddBefore = stage.receiver.to('/odd').length
    expect(await send(odd, 'Odd')).toMatchObject({ status: 'sent', stats: { sent_count: 1 } })
    await poll(
      async () => stage.receiver.to('/odd').length,
      (count) => count > oddBefore,
    )
    // Its attempt cannot be recorded, which is tried again later and not with each event that follows.
    const first = stage.receiver.to('/counted')[0]!.headers['webhook-id']
    const isLogged = () => stage.running.logs.some(({ msg }) => msg === 'delivery.record_failed')
    await poll(async () => isLogged(), Boolean)
    for (const _ of [1, 2, 3]) {
      const seen = stage.receiver.to('/counted').length
      await send(odd, 'Odd')
      await poll(
        async () => stage.receiver.to('/counted').length,
        (count) => count > seen,
      )
    }
    const again = stage.receiver.to('/counted').filter(({ headers }) => headers['webhook-id'] === first)
    expect(again).toHaveLength(2)
    const pushed = (title: string) =>
      stage.pushService.pushes.filter(({ payload }) => payload.title === title).length
    expect(pushed('Hello')).toBe(4)
    expect(pushed('Paused')).toBe(2)
    const paused = await stage.running.service.deps.db
      .selectFrom('notifications')
      .select('due_at')
      .where('status', '=', 'paused' as never)
      .execute()
    expect(paused.map(({ due_at }) => due_at)).toEqual([expect.any(Date), expect.any(Date)])
    const pending = await poll(
      () =>
        stage.running.service.deps.db
          .selectFrom('deliveries')
          .select('webhook_id')
          .where('status', '=', 'pending')
          .where('webhook_id', 'not in', [oddHook, counted])
          .execute(),
      (rows) => !rows.some(({ webhook_id }) => webhook_id === good),
    )
    expect(new Set(pending.map(({ webhook_id }) => webhook_id))).toEqual(
      new Set([batched, addressed, unlimited, signed]),
    )
    // Not even with the signatures that this version knows: a receiver could refuse them until the webhook is disabled.
    expect(stage.receiver.to('/signed')).toEqual([])
    const lines = stage.running.logs.filter(({ level }) => level === 'error').map(({ msg }) => msg)
    expect(new Set(lines)).toEqual(new Set(['page.failed', 'webhook.unreadable', 'delivery.record_failed']))
  })

  test('are listed with the others', async () => {
    const { db } = stage.running.service.deps
    const base = await makeApp()
    const appId = base.split('/').at(-1)!
    const hook = `${base}/webhooks/${await makeHook(base, 'listed')}`
    const { id } = await send(base)
    await stage.receiver.waitFor(1, '/listed')
    const [delivery] = await poll(
      async () => (await stage.api.get(`${hook}/deliveries?status=succeeded`)).body.data,
      ({ length }) => length > 0,
    )
    await stage.api.patch(hook, { enabled: false })
    await stage.api.post(`${hook}/replay`, { since: '2026-01-01T00:00:00Z' })
    const [subscriber] = (await stage.api.get(`${base}/subscribers`)).body.data
    const views: Record<string, string[]> = {
      apps: ['/push/apps', base],
      vapid_pairs: ['/push/apps', base],
      subscribers: [`${base}/subscribers`, `${base}/subscribers/${subscriber.id}`],
      notifications: [`${base}/notifications`, `${base}/notifications/${id}`],
      webhooks: [`${base}/webhooks`, hook, `${hook}/health`],
      events: [`${base}/events`, `${base}/events/${delivery.event_id}`, `${hook}/deliveries/${delivery.id}`],
      deliveries: [`${hook}/deliveries`, `${base}/events/${delivery.event_id}`, `${hook}/health`],
      attempts: [`${hook}/deliveries`, `${hook}/deliveries/${delivery.id}`, `${hook}/health`],
      replays: [`${hook}/replays`],
    }
    const { rows: columns } = await sql<{ table: string; column: string; type: string }>`
      select table_name as table, column_name as column, udt_name as type from information_schema.columns
      where table_schema = current_schema() and table_name = any(${Object.keys(views)})
        and data_type <> 'uuid'`.execute(db)
    const failed: string[] = []
    for (const { table, column, type } of columns) {
      const row = sql`${sql.ref(table === 'apps' ? 'id' : 'app_id')} = ${appId}`
      const stored = await sql<{ value: string }>`
        select ${sql.ref(column)}::text as value from ${sql.table(table)} where ${row}`.execute(db)
      const set = (value: string | null) =>
        sql`update ${sql.table(table)} set ${sql.ref(column)} = ${value}::text::${sql.raw(type)} where ${row}`.execute(
          db,
        )
      for (const odd of oddValues[type] ?? []) {
        await set(odd)
        for (const path of views[table]!) {
          const { status } = await stage.api.get(path)
          if (status !== 200) failed.push(`${table}.${column} = ${odd}: ${status} ${path}`)
        }
      }
      await set(stored.rows[0]?.value ?? null)
    }
    expect(failed).toEqual([])
  })

  test('are refused with a reason, or read as the default, by the requests that use them', async () => {
    const { db, apps } = stage.running.service.deps
    const base = await makeApp()
    const appId = base.split('/').at(-1)!
    const hookId = await makeHook(base, 'used')
    const hook = `${base}/webhooks/${hookId}`
    await sql`update webhooks set previous_secret_expires_at = now() + interval '1 hour'
      where id = ${hookId}`.execute(db)
    const [subscriber] = (await stage.api.get(`${base}/subscribers`)).body.data
    const { publishable_key: key } = (await stage.api.get(base)).body.data
    const { post, patch } = stage.api
    const register = () => post(`${base}/subscribers`, stage.pushService.makeDevice(newId()).registration)
    const page = { origin: 'https://shop.example' }
    const notification = { title: 'To nobody', targeting: { type: 'user_ids', ids: ['nobody'] } }
    const appRequests = {
      notify: () => post(`${base}/notifications`, notification),
      notifyMany: () => post(`${base}/notifications/batch`, { notifications: [notification] }),
      rename: () => patch(base, { name: newId() }),
      register,
    }
    const pageRequests = {
      readKey: () => stage.api.send(`/push/public/app?key=${key}`, { headers: page }),
      register: () => post(`/push/public/subscribers?key=${key}`, { token: 'https://push.example/' }, page),
    }
    const webhookRequests = {
      describe: () => patch(hook, { description: newId() }),
      test: () => post(`${hook}/test`, {}),
      register,
    }
    const requests: [string, string[], Record<string, () => Promise<Answer>>][] = [
      ['apps', ['settings'], appRequests],
      ['apps', ['public_registration'], { ...appRequests, ...pageRequests }],
      [
        'subscribers',
        ['metadata'],
        { tag: () => patch(`${base}/subscribers/${subscriber.id}`, { tags: [newId()] }) },
      ],
      ['webhooks', ['filter', 'batch', 'retry_schedule', 'events', 'ca_pem'], webhookRequests],
      ['webhooks', ['url', 'signature', 'ordered', 'rate_limit', 'max_in_flight'], webhookRequests],
      ['webhooks', ['secret', 'previous_secret', 'signing_key', 'header_values'], webhookRequests],
    ]
    const ids: Record<string, string> = { apps: appId, subscribers: subscriber.id, webhooks: hookId }
    const refused = new Set<string>()
    for (const [table, columns, asks] of requests) {
      for (const column of columns) {
        const { rows } = await sql<{ type: string; value: string | null }>`
          select udt_name as type,
            (select ${sql.ref(column)}::text from ${sql.table(table)} where id = ${ids[table]!}) as value
          from information_schema.columns
          where table_schema = current_schema() and table_name = ${table} and column_name = ${column}`.execute(
          db,
        )
        const [{ type, value }] = rows as [(typeof rows)[number]]
        const set = async (to: string | null) => {
          await sql`update ${sql.table(table)} set ${sql.ref(column)} = ${to}::text::${sql.raw(type)}
            where id = ${ids[table]!}`.execute(db)
          apps.forget(appId)
        }
        for (const odd of oddValues[type]!) {
          for (const [name, ask] of Object.entries(asks)) {
            await set(odd)
            const { status, body } = await ask()
            const reason = body.details?.webhook_id?.[0] ?? body.error
            if (status >= 300) refused.add(`${column}, ${name}: ${status} ${reason}`)
          }
        }
        await set(value)
      }
    }
    const foreign = "403 The app's public_registration does not allow this origin"
    const waits = '422 its deliveries wait:'
    const undecrypted = `${waits} a stored secret was encrypted with another KRAFTER_ENCRYPTION_KEY`
    expect(refused).toEqual(
      new Set([
        `public_registration, readKey: ${foreign}`,
        `public_registration, register: ${foreign}`,
        `batch, test: ${waits} its batch settings have an unknown format`,
        `url, test: ${waits} Invalid URL`,
        `signature, test: ${waits} its signature scheme is unknown`,
        `ordered, test: ${waits} its order is unknown`,
        `rate_limit, test: ${waits} its limits are not positive`,
        `max_in_flight, test: ${waits} its limits are not positive`,
        `secret, test: ${undecrypted}`,
        `previous_secret, test: ${undecrypted}`,
        `signing_key, test: ${undecrypted}`,
        `header_values, test: ${undecrypted}`,
      ]),
    )
  })

  test('a notification whose VAPID key does not decrypt fails, and says why', async () => {
    const base = await makeApp()
    const hook = { url: `${stage.receiver.origin}/failed`, events: ['notification.failed'] }
    await stage.running.api.post(`${base}/webhooks`, hook)
    await sql`update apps set vapid_private_key = '\\x00' where id = ${base.split('/').at(-1)!}`.execute(
      stage.running.service.deps.db,
    )
    const notification = await send(base)
    expect(notification).toMatchObject({ status: 'failed', stats: { sent_count: 0, failed_count: 1 } })
    expect(notification.failure_reason).toMatch(
      /^a stored secret was encrypted with another KRAFTER_ENCRYPTION_KEY/,
    )
    const [{ body }] = (await stage.receiver.waitFor(1, '/failed')) as [Received]
    expect(JSON.parse(body.toString()).data).toMatchObject({ reason: 'rejected' })
  })
})
