import type { Request } from '../client.ts'
import type { PartInput } from '../part.ts'
import { requestsAtOnce } from '../sizes.ts'
import { makeApp, makeWebhook } from '../stage.ts'
import { medianOf, rate } from '../table.ts'
import { registration } from './notifications.ts'

const registrations = 3_000
/** Warm-up rounds, until V8 has compiled the hot code. */
const warmUps = 4
const batches = 8
const rowsOfBatch = 1_000
const reads = 3_000

/** Measures single requests over keep-alive connections. */
export async function measureRequests({ stage, backend, table }: PartInput): Promise<void> {
  const { client } = stage
  const appId = await makeApp(stage)
  const load = (request: Request, count: number, from = 0) =>
    client.load({ request, count, atOnce: requestsAtOnce, from }).then(({ perSecond }) => perSecond)
  await load(registration(stage, appId), registrations * warmUps)
  const registered = await medianOf((round) =>
    load(registration(stage, appId), registrations, registrations * (round + warmUps)),
  )
  table.set('registrations, one by one', backend, rate(registered))

  const batch = { method: 'POST', path: `/apps/${appId}/subscribers/batch`, body: batchBody() } as const
  const isServed = (await client.ask({ ...batch, body: {} })).status !== 404
  if (isServed) {
    const inBatches = await medianOf(async (round) => {
      const from = round * batches
      const { perSecond } = await client.load({ request: batch, count: batches, atOnce: 4, from })
      return perSecond * rowsOfBatch
    })
    table.set('registrations, in batches of 1,000', backend, rate(inBatches))
  }

  const webhookId = await makeWebhook(stage, appId, `${stage.ends.http2.origin}/hook`, 'notification.sent')
  const page = await stage.ask<{ id: string }[]>({
    method: 'GET',
    path: `/apps/${appId}/subscribers?limit=1`,
  })
  const paths = { app: '', subscriber: `/subscribers/${page[0]!.id}`, webhook: `/webhooks/${webhookId}` }
  for (const [what, path] of Object.entries(paths)) {
    const request = { method: 'GET', path: `/apps/${appId}${path}` } as const
    await load(request, reads)
    table.set(`GET ${what}`, backend, rate(await medianOf(() => load(request, reads))))
  }

  function batchBody() {
    const { body } = registration(stage, appId) as { body: object }
    const subscribers = Array.from({ length: rowsOfBatch }, (_, row) =>
      JSON.parse(JSON.stringify(body).replaceAll('{n}', `b{n}-${row}`)),
    )
    return { subscribers }
  }
}
