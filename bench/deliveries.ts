import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Service } from '../src/app.ts'
import { emitEvents } from '../src/deliveries/publish-event.ts'
import { toTimestamp } from '../src/platform/clock.ts'
import { newId } from '../src/platform/ids.ts'
import { insertWebhook } from '../src/webhooks/webhook-store.ts'
import { type BenchInput, makeApp, startBenchService } from './bench-service.ts'
import { answerParent } from './child.ts'

export interface DeliveriesInput extends BenchInput {
  deliveries: number
  secret: string
}

export interface DeliveriesResult {
  perSecond: number
}

const webhookCount = 8
/** Events of one transaction: as a batch of a fan-out makes them. */
const eventsAtOnce = 500
/** The embedded database is WebAssembly: it takes some seconds until what is busy is compiled well. */
const warmUp = 10_000

/** From the first event's transaction to the last attempt's record. */
await answerParent(async (input: DeliveriesInput): Promise<DeliveriesResult> => {
  const service = await startBenchService(input)
  const appId = await makeApp(service)
  const webhooks = Array.from({ length: webhookCount }, () => newId())
  for (const [index, id] of webhooks.entries()) {
    const secret = service.deps.crypto.encrypt(input.secret, `webhook-secret:${id}`)
    const url = `${input.origin}/hook/${index}`
    const webhook = { id, appId, url, secret, events: ['notification.delivered'], enabled: true }
    await insertWebhook(service.deps.db, webhook, service.deps.clock.now())
  }
  await deliver(service, appId, warmUp)
  const startedAt = performance.now()
  await deliver(service, appId, input.deliveries)
  const perSecond = input.deliveries / ((performance.now() - startedAt) / 1_000)
  await service.stop()
  return { perSecond }
})

async function deliver({ deps }: Service, appId: string, count: number): Promise<void> {
  const before = await countSucceeded(deps.db, appId)
  let events = Math.ceil(count / webhookCount)
  while (events > 0) {
    const now = deps.clock.now()
    const batch = Array.from({ length: Math.min(events, eventsAtOnce / webhookCount) }, () => ({
      appId,
      type: 'notification.delivered' as const,
      occurredAt: now,
      data: {
        notification_id: newId(),
        app_id: appId,
        subscriber_id: newId(),
        user_id: null,
        platform: 'web' as const,
        at: toTimestamp(now),
      },
    }))
    await deps.db.transaction().execute((trx) => emitEvents(trx, batch))
    events -= batch.length
  }
  while (await isAnyPending(deps.db, appId)) await sleep(50)
  const succeeded = (await countSucceeded(deps.db, appId)) - before
  if (succeeded !== count) throw new Error(`${succeeded} of ${count} deliveries succeeded`)
}

/** Counting them each time would be a tenth of the work measured. */
async function isAnyPending(db: Service['deps']['db'], appId: string): Promise<boolean> {
  const { rows } = await sql`
    select from deliveries where app_id = ${appId}::uuid and status = 'pending' limit 1`.execute(db)
  return rows.length > 0
}

async function countSucceeded(db: Service['deps']['db'], appId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from deliveries where app_id = ${appId}::uuid and status = 'succeeded'`.execute(
    db,
  )
  return rows[0]!.count
}
