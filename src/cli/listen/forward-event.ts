import { randomUUID } from 'node:crypto'
import { request } from 'undici'
import type { StreamMessage } from '../../../packages/client/index.ts'
import { attemptHeaders } from '../../deliveries/attempt/attempt-delivery.ts'
import { version } from '../../version.ts'
import { describeFailure } from '../describe-failure.ts'

/** The result of forwarding an event. */
export interface Forwarded {
  /** The HTTP status. Null: there was no answer, see `error`. */
  status: number | null
  error: string | null
  ms: number
}

/** The service's default timeout for deliveries. */
const timeoutMs = 10_000

/**
 * Posts an event like a delivery, signed with `secret`. Never rejects and never retries.
 *
 * The address guard does not apply: it stops API users from making a service post into its own network. Here the user
 * of this machine names one of their own addresses, nearly always the loopback, and this process posts there itself.
 * As in a delivery, redirects are not followed: `request` does not follow them by default.
 */
export async function forwardEvent(
  { id, event, data }: StreamMessage,
  { to, secret }: { to: string; secret: string },
  signal: AbortSignal,
): Promise<Forwarded> {
  const keys = { secret, previousSecret: null, ed25519: null }
  const message = { id, event, body: data, extra: {} }
  const headers = attemptHeaders(randomUUID(), new Date(), message, { keys, headers: {} }, version)
  const from = performance.now()
  const elapsed = () => Math.round(performance.now() - from)
  try {
    const answer = await request(to, {
      method: 'POST',
      headers,
      body: data,
      // A server under development restarts often, which would break kept-alive connections.
      reset: true,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    const ms = elapsed()
    await answer.body.dump().catch(() => {})
    return { status: answer.statusCode, error: null, ms }
  } catch (error) {
    return { status: null, error: describeFailure(error), ms: elapsed() }
  }
}
