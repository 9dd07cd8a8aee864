import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Service } from '../src/app.ts'
import { acceptNotification } from '../src/notifications/accept-notification.ts'
import { newId } from '../src/platform/ids.ts'
import { type BenchInput, makeApp, startBenchService } from './bench-service.ts'
import { answerParent } from './child.ts'
import { makeSubscriptions } from './subscriptions.ts'

export interface PushesInput extends BenchInput {
  subscribers: number
}

export interface PushesResult {
  perSecond: number
}

const rowsAtOnce = 1_000

/** From the notification's acceptance to its `sent`. */
await answerParent(async (input: PushesInput): Promise<PushesResult> => {
  const service = await startBenchService(input)
  const warmUpApp = await makeApp(service)
  await insertSubscribers(service, warmUpApp, input.origin, 2_000)
  await send(service, warmUpApp)
  const appId = await makeApp(service)
  await insertSubscribers(service, appId, input.origin, input.subscribers)
  const startedAt = performance.now()
  await send(service, appId)
  const perSecond = input.subscribers / ((performance.now() - startedAt) / 1_000)
  await service.stop()
  return { perSecond }
})

async function insertSubscribers(
  { deps }: Service,
  appId: string,
  origin: string,
  count: number,
): Promise<void> {
  const subscriptions = makeSubscriptions(origin)
  for (let from = 0; from < count; from += rowsAtOnce) {
    const rows = Array.from({ length: Math.min(rowsAtOnce, count - from) }, (_, i) => {
      const { keys } = subscriptions[(from + i) % subscriptions.length]!
      const hex = (text: string) => Buffer.from(text, 'base64url').toString('hex')
      return { id: newId(), number: from + i, p256dh: hex(keys.p256dh), auth: hex(keys.auth) }
    })
    await sql`
      insert into subscribers (app_id, id, platform, token, token_hash, p256dh, auth, tags, metadata, status,
        last_seen_at, created_at, updated_at)
      select ${appId}::uuid, id, 'web', ${`${origin}/push/`}::text || number,
        sha256((${appId}::text || number)::bytea), decode(p256dh, 'hex'), decode(auth, 'hex'), '{}', '{}', 'active',
        now(), now(), now()
      from json_to_recordset(${JSON.stringify(rows)}::text::json)
        as row (id uuid, number int, p256dh text, auth text)`.execute(deps.db)
  }
}

async function send({ deps }: Service, appId: string): Promise<void> {
  const app = { id: appId, settings: {} }
  const asked = { title: 'Hello', content: { body: 'The quick brown fox', url: 'https://example.com/' } }
  const { id } = (await acceptNotification(deps, app, { ...asked, targeting: undefined }, undefined)) as {
    id: string
  }
  const isSent = async () => {
    const row = await deps.db
      .selectFrom('notifications')
      .select(['status', 'sent_count'])
      .where('app_id', '=', appId)
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    return row.status === 'sent'
  }
  while (!(await isSent())) await sleep(20)
}
