import { Agent } from 'node:https'
import webPush from 'web-push'
import { serveParent } from './child.ts'
import { requestsAtOnce } from './sizes.ts'
import { makeSubscriptions } from './subscriptions.ts'

const warmUp = 500

/** The baseline for pushes: the `web-push` library with a keep-alive agent, at the concurrency that suits it best. */
const api = {
  /** @returns pushes a second */
  async run(origin: string, ca: string, count: number): Promise<number> {
    const subscriptions = makeSubscriptions(origin)
    const agent = new Agent({ keepAlive: true, maxSockets: requestsAtOnce, ca })
    const { publicKey, privateKey } = webPush.generateVAPIDKeys()
    const vapidDetails = { subject: 'mailto:push@example.com', publicKey, privateKey }
    const options = { TTL: 60, agent, vapidDetails }
    const payload = JSON.stringify({
      title: 'Hello',
      body: 'The quick brown fox',
      url: 'https://example.com/',
    })
    const repeat = async (pushes: number) => {
      let next = 0
      const loop = async () => {
        while (next < pushes) {
          await webPush.sendNotification(subscriptions[next++ % subscriptions.length]!, payload, options)
        }
      }
      await Promise.all(Array.from({ length: requestsAtOnce }, loop))
    }
    await repeat(warmUp)
    const startedAt = performance.now()
    await repeat(count)
    const perSecond = count / ((performance.now() - startedAt) / 1_000)
    agent.destroy()
    return perSecond
  },
}

export type WebPushLoopApi = typeof api
serveParent(api)
