import { verify, verifyKrafterSignature, type WebhookEvent } from '../../packages/webhooks/index.ts'
import type { Certificates } from '../local-ends/certificates.ts'
import { startTlsServer } from '../local-ends/tls-server.ts'

/** A delivery of `notification.sent`, as the receiver got it. */
interface ReceivedDelivery {
  /** What is wrong with the delivery, one sentence each; empty when both signatures verify. */
  problems: string[]
  /** Milliseconds since the epoch. */
  receivedAt: number
  data: WebhookEvent<'notification.sent'>['data'] | undefined
}

/**
 * Starts a simulated customer backend that receives webhooks, with TLS on a free port.
 *
 * @param secret the secret that deliveries must be signed with; the receiver answers 401 to others
 */
export async function startSimulatedReceiver(certificates: Certificates, secret: string) {
  const { promise: received, resolve } = Promise.withResolvers<ReceivedDelivery>()
  const server = await startTlsServer(certificates, async ({ headers, body }, response) => {
    const receivedAt = Date.now()
    const problems: string[] = []
    const event = await verify(body, headers, secret).catch((error: Error) => {
      problems.push(error.message)
      return undefined
    })
    if (!(await verifyKrafterSignature(body, headers['x-krafter-signature'], secret))) {
      problems.push('x-krafter-signature does not verify')
    }
    const sent =
      event?.event === 'notification.sent' ? (event as WebhookEvent<'notification.sent'>) : undefined
    if (event && !sent) problems.push(`the event is ${event.event}`)
    response.writeHead(problems.length === 0 ? 204 : 401).end()
    resolve({ problems, receivedAt, data: sent?.data })
  })
  return {
    url: `${server.origin}/webhooks/krafter`,
    /** The first delivery received. */
    received,
    stop: () => server.stop(),
  }
}
