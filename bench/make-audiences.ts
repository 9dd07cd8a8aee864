import { sql } from 'kysely'
import type { Service } from '../src/app.ts'
import { newId } from '../src/platform/ids.ts'
import { type BenchInput, makeApp, startBenchService } from './bench-service.ts'
import { answerParent } from './child.ts'
import { makeSubscriptions } from './subscriptions.ts'

export interface AudiencesInput extends BenchInput {
  subscribers: number
}

/** Two apps with their subscribers, a small one to warm up with. */
export interface Audiences {
  appId: string
  warmUpAppId: string
}

const warmUpSubscribers = 2_000
const rowsAtOnce = 1_000

/** In a process of its own, so that the one that is measured starts as a service with that many subscribers does. */
await answerParent(async (input: AudiencesInput): Promise<Audiences> => {
  const service = await startBenchService(input)
  const warmUpAppId = await makeApp(service)
  await insertSubscribers(service, warmUpAppId, input.origin, warmUpSubscribers)
  const appId = await makeApp(service)
  await insertSubscribers(service, appId, input.origin, input.subscribers)
  await service.stop()
  return { appId, warmUpAppId }
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
