import type { ReceivedEvent } from './events.ts'
import { type BodySource, readBody } from './read-body.ts'
import type { WebhookSecret } from './secrets.ts'
import { type VerifyOptions, verify, verifyBatch } from './verify.ts'

export interface VerifyRequestOptions extends VerifyOptions {
  /** Longer bodies are refused without reading all of them. Default 1,048,576: the service sends no longer body. */
  maxBodyBytes?: number
}

/**
 * Reads and verifies a Fetch API `Request` with one event.
 *
 * @throws {WebhookVerificationError} by its `code`, also for a batch of events (`batch`)
 */
export async function verifyRequest(
  request: BodySource,
  secret: WebhookSecret,
  options: VerifyRequestOptions = {},
): Promise<ReceivedEvent> {
  return verify(await readBody(request, options.maxBodyBytes), request.headers, secret, options)
}

/**
 * Reads and verifies a Fetch API `Request` with one event or a batch; see {@link verifyBatch}.
 *
 * @throws {WebhookVerificationError} by its `code`
 */
export async function verifyRequestBatch(
  request: BodySource,
  secret: WebhookSecret,
  options: VerifyRequestOptions = {},
): Promise<ReceivedEvent[]> {
  return verifyBatch(await readBody(request, options.maxBodyBytes), request.headers, secret, options)
}
