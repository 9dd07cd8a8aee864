import type { RawBody } from './bytes.ts'
import { type Deduplicator, EventInProgressError } from './deduplicator.ts'
import { isOwnFault, WebhookVerificationError } from './errors.ts'
import { type EventHandlers, handleEvent } from './handlers.ts'
import type { WebhookHeaders } from './headers.ts'
import type { WebhookSecret } from './secrets.ts'
import { verifyBatch } from './verify.ts'
import type { VerifyRequestOptions } from './verify-request.ts'

/** @typeParam Source the framework's request object, for `secret` functions that read the secret from it */
export interface ReceiverOptions<Source = unknown> extends VerifyRequestOptions {
  secret: WebhookSecret | ((source: Source) => WebhookSecret | Promise<WebhookSecret>)
  handlers: EventHandlers
  /** Drops the duplicates of events. */
  deduplicator?: Deduplicator
}

/** The answer to a delivery. For debugging, the text is a code of {@link WebhookVerificationError}. */
export interface DeliveryAnswer {
  status: 204 | 400 | 413 | 503
  text: string
  headers: Record<string, string>
}

/** After this time, another process has handled the event, or its claim on the event has expired. */
const retryAfterSeconds = 60

/**
 * Reads and verifies a delivery, and calls the handlers for its events, one after the other.
 *
 * @param read returns the raw body
 * @throws a handler's error, or an error of the receiver itself (`invalid_secret`, `body_used`): answer 500
 */
export async function receiveDelivery<Source>(
  source: Source,
  headers: WebhookHeaders,
  read: (maxBodyBytes?: number) => Promise<RawBody>,
  options: ReceiverOptions<Source>,
): Promise<DeliveryAnswer> {
  const { handlers, deduplicator, maxBodyBytes } = options
  const secret = typeof options.secret === 'function' ? await options.secret(source) : options.secret
  try {
    const events = await verifyBatch(await read(maxBodyBytes), headers, secret, options)
    for (const event of events) {
      const handle = () => handleEvent(event, handlers)
      await (deduplicator ? deduplicator.once(event.id, handle) : handle())
    }
    return { status: 204, text: '', headers: {} }
  } catch (error) {
    return answerTo(error)
  }
}

function answerTo(error: unknown): DeliveryAnswer {
  if (error instanceof EventInProgressError) {
    return { status: 503, text: 'in_progress', headers: { 'retry-after': String(retryAfterSeconds) } }
  }
  if (!(error instanceof WebhookVerificationError) || isOwnFault(error)) throw error
  return { status: error.code === 'too_large' ? 413 : 400, text: error.code, headers: {} }
}
