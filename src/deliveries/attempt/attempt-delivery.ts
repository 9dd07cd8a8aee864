import { randomUUID } from 'node:crypto'
import type { Deps } from '../../deps.ts'
import { newId } from '../../platform/ids.ts'
import type { DueWebhook } from '../due-webhook-store.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import { type AttemptOutcome, classifyResponse, maxAnswerBytes } from './classify-response.ts'
import { signatureHeaders } from './sign.ts'
import type { Target } from './target.ts'
import { traceSubjectOf } from './trace-subject.ts'

/** An attempt that was made. */
export interface Attempt {
  /** A UUID v4, sent as `x-krafter-webhook-id`. */
  id: string
  startedAt: Date
  durationMs: number
  outcome: AttemptOutcome
  requestHeaders: Record<string, string>
  /** The subject of the trace in the request's `traceparent`; undefined: the request had none. */
  traceSubject?: string | undefined
}

/** The content of one request: a delivery, or several for a webhook that takes batches. */
export interface Parcel {
  deliveries: PendingDelivery[]
  webhook: DueWebhook
  target: Target
  /** Whether the body is an array, even of a single event. */
  batched: boolean
}

/** One request as a receiver gets it. */
export interface Message {
  /** `webhook-id`: the event's id; a batch has its own. */
  id: string
  /** `x-krafter-event`. */
  event: string
  body: string
  /** Headers in addition to those of every delivery. */
  extra: Record<string, string>
}

/** Makes the next attempt of a parcel's deliveries: sign → guarded POST → classify. Never rejects. */
export async function attemptParcel(
  deps: Pick<Deps, 'outbound' | 'clock' | 'config' | 'version' | 'traces'>,
  parcel: Parcel,
): Promise<Attempt> {
  return attemptMessage(deps, toMessage(parcel), parcel.target)
}

/** Makes one request to a webhook. Never rejects. */
export async function attemptMessage(
  deps: Pick<Deps, 'outbound' | 'clock' | 'config' | 'version' | 'traces'>,
  message: Message,
  target: Target,
): Promise<Attempt> {
  const id = randomUUID()
  const askedAt = deps.clock.now()
  const { traces } = deps
  const isTraced = target.traceparent && traces
  const traceSubject = isTraced ? traceSubjectOf({ ...message, type: message.event }) : undefined
  const requestHeaders = {
    ...attemptHeaders(id, askedAt, message, target, deps.version),
    // https://www.w3.org/TR/trace-context/#traceparent-header: the attempt is the parent of the receiver's spans.
    ...(traceSubject && { traceparent: traces!.traceparent(traceSubject, id) }),
  }
  const from = performance.now()
  const result = await deps.outbound.exchange({
    url: target.url,
    headers: requestHeaders,
    body: message.body,
    timeoutMs: deps.config.deliveryTimeoutMs,
    maxAnswerBytes,
    ca: target.ca,
  })
  const { waitedMs = 0 } = result
  return {
    id,
    startedAt: new Date(askedAt.getTime() + waitedMs),
    durationMs: Math.round(performance.now() - from - waitedMs),
    outcome: classifyResponse(result, deps.clock.now()),
    requestHeaders,
    traceSubject,
  }
}

function toMessage({ deliveries, batched }: Parcel): Message {
  const delivery = deliveries[0]!
  if (batched) return batchMessage(deliveries.map(({ body }) => body))
  return { id: delivery.eventId, event: delivery.eventType, body: delivery.body, extra: {} }
}

/** Builds a batch: an array in which each event has the same bytes that it would have alone. */
export function batchMessage(bodies: readonly string[]): Message {
  const extra = { 'x-krafter-batch': String(bodies.length) }
  return { id: newId(), event: 'batch', body: `[${bodies.join(',')}]`, extra }
}

/** Returns the headers of contract section 3. The webhook's own headers cannot override them. */
export function attemptHeaders(
  attemptId: string,
  startedAt: Date,
  message: Message,
  target: Pick<Target, 'keys' | 'headers'>,
  version: string,
): Record<string, string> {
  const timestampSeconds = Math.floor(startedAt.getTime() / 1_000)
  const content = { messageId: message.id, timestampSeconds, body: message.body }
  return {
    ...target.headers,
    'content-type': 'application/json',
    'user-agent': `Krafter-Push/${version}`,
    'x-krafter-event': message.event,
    'x-krafter-webhook-id': attemptId,
    'webhook-id': message.id,
    'webhook-timestamp': String(timestampSeconds),
    ...message.extra,
    ...signatureHeaders(target.keys, content),
  }
}
