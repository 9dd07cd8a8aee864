import { randomUUID } from 'node:crypto'
import { request } from 'undici'
import type { StreamMessage } from '../../../packages/client/index.ts'
import { attemptHeaders } from '../../deliveries/attempt/attempt-delivery.ts'
import { version } from '../../version.ts'
import { describeFailure } from '../describe-failure.ts'

/** What became of a forwarded event. */
export interface Forwarded {
  /** The answer's; null: none came, see `error`. */
  status: number | null
  error: string | null
  ms: number
}

/** As long as a delivery of the service's would wait. */
const timeoutMs = 10_000

/**
 * Posts an event as a delivery would be, signed with `secret`. Never rejects, and never tries again.
 *
 * The address guard is not asked: it keeps a service from being made to post into its own network by those who use it.
 * Here the person at this machine names an address of theirs, nearly always the loopback, and this process posts there
 * by itself. As in a delivery, redirects are not followed: `request` does not unless it is told to.
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
      // A server that is restarted all the time, as one under development is, would break kept connections.
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
