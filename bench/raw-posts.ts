import { signatureHeaders } from '../src/deliveries/attempt/sign.ts'
import { createAddressGuard } from '../src/outbound/address-guard.ts'
import { createOutbound } from '../src/outbound/outbound-client.ts'
import { newId } from '../src/platform/ids.ts'
import { serveParent } from './child.ts'

const atOnce = 128
const warmUp = 2_000

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** The baseline for deliveries: a loop of signed POSTs with the service's HTTP client, without recording anything. */
const api = {
  /** @returns POSTs a second */
  async run(origin: string, ca: string, count: number): Promise<number> {
    const outbound = createOutbound({
      guard: createAddressGuard(['127.0.0.0/8']),
      ca,
      limits: { http1ConnectionsPerOrigin: atOnce },
    })
    const keys = { secret, previousSecret: null, ed25519: null }
    const post = async () => {
      const eventId = newId()
      const at = new Date()
      const data = { notification_id: newId(), app_id: eventId, subscriber_id: newId(), platform: 'web', at }
      const body = JSON.stringify({ id: eventId, event: 'notification.delivered', timestamp: at, data })
      const timestampSeconds = Math.floor(at.getTime() / 1_000)
      const headers = {
        'content-type': 'application/json',
        'webhook-id': eventId,
        'webhook-timestamp': String(timestampSeconds),
        ...signatureHeaders(keys, { messageId: eventId, timestampSeconds, body }),
      }
      const url = new URL(`${origin}/hook`)
      const result = await outbound.exchange({
        url,
        headers,
        body,
        timeoutMs: 10_000,
        maxAnswerBytes: 1_024,
      })
      if (!result.ok || result.answer.status !== 201) throw new Error('the receiver did not answer 201')
    }
    await repeat(warmUp, post)
    const startedAt = performance.now()
    await repeat(count, post)
    const perSecond = count / ((performance.now() - startedAt) / 1_000)
    await outbound.close()
    return perSecond
  },
}

export type RawPostsApi = typeof api
serveParent(api)

async function repeat(count: number, post: () => Promise<void>): Promise<void> {
  let left = count
  const loop = async () => {
    while (left > 0) {
      left -= 1
      await post()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, loop))
}
