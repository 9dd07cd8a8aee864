import { randomUUID } from 'node:crypto'
import type { Deps } from '../deps.ts'
import type { ClaimedJob } from '../platform/queue.ts'
import { type AttemptOutcome, classifyResponse, maxAnswerBytes } from './classify-response.ts'
import type { DueDelivery } from './delivery-store.ts'
import { signatureHeaders } from './sign.ts'

/** Where a delivery goes, ready for use. */
export interface Target {
  url: URL
  /** Null: deliveries are not signed. */
  secret: string | null
}

/** An attempt that was made. */
export interface Attempt {
  /** A UUID v4: the attempt's `x-krafter-webhook-id`. */
  id: string
  number: number
  startedAt: Date
  durationMs: number
  outcome: AttemptOutcome
}

/** A delivery on its way through this process: claimed, read, and with somewhere to go. */
export interface ReadyDelivery {
  job: ClaimedJob<{ appId: string }>
  delivery: DueDelivery
  target: Target
}

/** Makes the next attempt of a delivery: sign → guarded POST → classify. Never rejects. */
export async function attemptDelivery(
  deps: Pick<Deps, 'outbound' | 'clock' | 'config' | 'version'>,
  { delivery, target }: ReadyDelivery,
): Promise<Attempt> {
  const id = randomUUID()
  const startedAt = deps.clock.now()
  const from = performance.now()
  const result = await deps.outbound.exchange({
    url: target.url,
    method: 'POST',
    headers: attemptHeaders(id, startedAt, delivery, target, deps.version),
    body: delivery.body,
    timeoutMs: deps.config.deliveryTimeoutMs,
    maxAnswerBytes,
  })
  return {
    id,
    number: delivery.attemptCount + 1,
    startedAt,
    durationMs: Math.round(performance.now() - from),
    outcome: classifyResponse(result, deps.clock.now()),
  }
}

/** The headers of contract section 3. */
export function attemptHeaders(
  attemptId: string,
  startedAt: Date,
  delivery: Pick<DueDelivery, 'eventId' | 'eventType' | 'body'>,
  target: Pick<Target, 'secret'>,
  version: string,
): Record<string, string> {
  const timestampSeconds = Math.floor(startedAt.getTime() / 1_000)
  const headers = {
    'content-type': 'application/json',
    'user-agent': `Krafter-Push/${version}`,
    'x-krafter-event': delivery.eventType,
    'x-krafter-webhook-id': attemptId,
    'webhook-id': delivery.eventId,
    'webhook-timestamp': String(timestampSeconds),
  }
  if (target.secret === null) return headers
  const { eventId, body } = delivery
  return { ...headers, ...signatureHeaders(target.secret, { eventId, timestampSeconds, body }) }
}
