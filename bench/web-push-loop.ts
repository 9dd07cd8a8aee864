import { Agent } from 'node:https'
import webPush from 'web-push'
import type { BenchInput } from './bench-service.ts'
import { answerParent } from './child.ts'
import type { PushesResult } from './pushes.ts'
import { makeSubscriptions } from './subscriptions.ts'

export interface WebPushInput extends BenchInput {
  subscribers: number
}

const atOnce = 64
const warmUp = 500

/** The baseline of pushes: the `web-push` library with a keep-alive agent, as many at a time as serve it best. */
await answerParent(async (input: WebPushInput): Promise<PushesResult> => {
  const subscriptions = makeSubscriptions(input.origin)
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce, ca: input.ca })
  const { publicKey, privateKey } = webPush.generateVAPIDKeys()
  const options = {
    TTL: 60,
    agent,
    vapidDetails: { subject: 'mailto:push@example.com', publicKey, privateKey },
  }
  const payload = JSON.stringify({ title: 'Hello', body: 'The quick brown fox', url: 'https://example.com/' })
  const repeat = async (count: number) => {
    let next = 0
    const loop = async () => {
      while (next < count) {
        await webPush.sendNotification(subscriptions[next++ % subscriptions.length]!, payload, options)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, loop))
  }
  await repeat(warmUp)
  const startedAt = performance.now()
  await repeat(input.subscribers)
  const perSecond = input.subscribers / ((performance.now() - startedAt) / 1_000)
  agent.destroy()
  return { perSecond }
})
