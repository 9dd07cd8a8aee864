import type { Certificates } from '../local-ends/certificates.ts'
import { startTlsServer } from '../local-ends/tls-server.ts'
import { webhookProblems } from './verify-webhook.ts'

/** A received `notification.sent` event. */
export interface ReceivedEvent {
  /** The event's problems, one sentence each; empty when both signatures verify. */
  problems: string[]
  /** Milliseconds since the epoch. */
  receivedAt: number
  /** As in the event's `data`. */
  notificationId: string
  sentCount: number
  failedCount: number
}

/** A simulated customer backend that receives webhooks, with TLS on a free port. */
export interface SimulatedReceiver {
  url: string
  /** The first event received. */
  received: Promise<ReceivedEvent>
  stop(): Promise<void>
}

/** @param secret the secret that deliveries must be signed with; the receiver answers 401 to others */
export async function startSimulatedReceiver(
  certificates: Certificates,
  secret: string,
): Promise<SimulatedReceiver> {
  const { promise: received, resolve } = Promise.withResolvers<ReceivedEvent>()
  const server = await startTlsServer(certificates, (request, response) => {
    const receivedAt = Date.now()
    const problems = webhookProblems(secret, request, receivedAt / 1_000)
    response.writeHead(problems.length === 0 ? 204 : 401).end()
    resolve({ problems, receivedAt, ...readEvent(request.body, problems) })
  })
  return { url: `${server.origin}/webhooks/krafter`, received, stop: () => server.stop() }
}

function readEvent(body: Buffer, problems: string[]) {
  try {
    const { event, data } = JSON.parse(body.toString())
    if (event !== 'notification.sent') problems.push(`the event is ${event}`)
    return {
      notificationId: String(data.notification_id),
      sentCount: Number(data.sent_count),
      failedCount: Number(data.failed_count),
    }
  } catch {
    problems.push('its body is not an event')
    return { notificationId: '', sentCount: 0, failedCount: 0 }
  }
}
