import { setTimeout as sleep } from 'node:timers/promises'
import type { Service } from '../src/app.ts'
import { acceptNotifications } from '../src/notifications/accept-notifications.ts'
import { type BenchInput, startBenchService } from './bench-service.ts'
import { answerParent } from './child.ts'
import type { Audiences } from './make-audiences.ts'

export interface PushesInput extends BenchInput, Audiences {
  subscribers: number
}

export interface PushesResult {
  perSecond: number
}

/** From the notification's acceptance to its `sent`. */
await answerParent(async (input: PushesInput): Promise<PushesResult> => {
  const service = await startBenchService(input)
  await send(service, input.warmUpAppId)
  const startedAt = performance.now()
  await send(service, input.appId)
  const perSecond = input.subscribers / ((performance.now() - startedAt) / 1_000)
  await service.stop()
  return { perSecond }
})

async function send({ deps }: Service, appId: string): Promise<void> {
  const app = { id: appId, settings: {} }
  const asked = { title: 'Hello', content: { body: 'The quick brown fox', url: 'https://example.com/' } }
  const request = { app, ...asked, targeting: undefined, priority: 'normal' as const }
  const [accepted] = await deps.db.transaction().execute((trx) => acceptNotifications(trx, deps, [request]))
  if (accepted instanceof Error) throw accepted
  const { id } = accepted!
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
