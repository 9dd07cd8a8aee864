import { setTimeout as sleep } from 'node:timers/promises'
import type { PartInput } from '../part.ts'
import { makeApp, makeWebhook, type Stage } from '../stage.ts'
import { rate, times } from '../table.ts'

const subscribers = 100_000
const warmUp = 3_000
const cutSubscribers = 1_000_000
const patienceMs = 300_000

/** Measures a notification to all subscribers, from its acceptance until the webhook receives `notification.sent`. */
export async function measureCampaign({ stage, backend, table, baselines }: PartInput): Promise<void> {
  await send(stage, warmUp)
  const perSecond = await send(stage, subscribers)
  const ratio = times(perSecond / baselines.webPush, 'web-push')
  table.set('pushes of a campaign of 100,000', backend, `${rate(perSecond)}, ${ratio}`)
}

async function send(stage: Stage, audience: number): Promise<number> {
  const { ends, service, client } = stage
  const appId = await makeApp(stage)
  await service.makeSubscribers(appId, ends.pushService.origin, audience)
  await makeWebhook(stage, appId, `${ends.http2.origin}/hook`, 'notification.sent')
  await ends.http2.forget()
  const { at } = await client.ask(campaign(appId))
  const [arrived] = await ends.http2.receive(1, patienceMs)
  return audience / ((arrived! - at) / 1_000)
}

function campaign(appId: string) {
  const body = { title: 'Hello', body: 'The quick brown fox', url: 'https://example.com/' }
  return { method: 'POST', path: `/apps/${appId}/notifications`, body } as const
}

interface Sending {
  id: string
  stats: { total_batches: number }
}

/** Measures how long it takes to split an audience of a million into pages. PostgreSQL only; nothing is sent. */
export async function measureCut({ stage, backend, table }: PartInput): Promise<void> {
  if (backend === 'embedded') return
  const appId = await makeApp(stage)
  await stage.service.makeSubscribers(appId, stage.ends.pushService.origin, cutSubscribers)
  const startedAt = performance.now()
  const { id } = await stage.ask<Sending>(campaign(appId))
  const read = () => stage.ask<Sending>({ method: 'GET', path: `/apps/${appId}/notifications/${id}` })
  while ((await read()).stats.total_batches === 0) await sleep(20)
  const seconds = (performance.now() - startedAt) / 1_000
  table.set('a notification to 1,000,000 subscribers: cut', backend, `${seconds.toFixed(1)} s`)
  await stage.ask({ method: 'DELETE', path: `/apps/${appId}` })
}
