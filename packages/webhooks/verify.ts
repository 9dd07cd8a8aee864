import { concat, encode, type RawBody, viewBytes } from './bytes.ts'
import { WebhookVerificationError } from './errors.ts'
import type { ReceivedEvent } from './events.ts'
import { readHeader, type WebhookHeaders } from './headers.ts'
import { listSecrets, toKey, type WebhookSecret } from './secrets.ts'
import { isSigned, readSignatures } from './signatures.ts'

export interface VerifyOptions {
  /** How far `webhook-timestamp` may be from now, either way. Default 300. */
  toleranceSeconds?: number
  /** Default: the system clock. */
  now?: () => Date
}

const defaultToleranceSeconds = 300

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Verifies a delivery of one event (Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`).
 * Events whose name this package does not know verify, too: see `isKnownEvent`.
 *
 * @throws {WebhookVerificationError} by its `code`, also for a batch of events (`batch`)
 */
export async function verify(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: WebhookSecret,
  options: VerifyOptions = {},
): Promise<ReceivedEvent> {
  const body = parse(await openDelivery(rawBody, headers, secret, options))
  if (Array.isArray(body)) {
    throw new WebhookVerificationError('batch', 'the delivery holds a batch of events: use verifyBatch')
  }
  return asEvent(body)
}

/**
 * Verifies a delivery of either form. A batch (`x-krafter-batch`, a JSON array of events) returns its events in order;
 * a single event returns a list of one. The body decides which form it is, because the header is not signed.
 *
 * @throws {WebhookVerificationError} by its `code`; one malformed event makes the whole batch invalid
 */
export async function verifyBatch(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: WebhookSecret,
  options: VerifyOptions = {},
): Promise<ReceivedEvent[]> {
  const body = parse(await openDelivery(rawBody, headers, secret, options))
  return Array.isArray(body) ? body.map(asEvent) : [asEvent(body)]
}

/**
 * Verifies the signature and the timestamp of a Standard Webhooks request with any body.
 *
 * @returns the bytes that were verified
 * @throws {WebhookVerificationError} by its `code`
 */
export async function verifySignature(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: WebhookSecret,
  options: VerifyOptions = {},
): Promise<Uint8Array> {
  return openDelivery(rawBody, headers, secret, options)
}

async function openDelivery(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: WebhookSecret,
  { toleranceSeconds = defaultToleranceSeconds, now = () => new Date() }: VerifyOptions,
): Promise<Uint8Array> {
  const keys = listSecrets(secret).map(toKey)
  const id = readHeader(headers, 'webhook-id')
  const timestamp = readHeader(headers, 'webhook-timestamp')
  const signatures = readSignatures(readHeader(headers, 'webhook-signature'))
  checkTimestamp(timestamp, toleranceSeconds, now())
  const prefix = encode(`${id}.${timestamp}.`)
  // The signature check and the parser use one copy, so that other code cannot change the body in between.
  const content = concat(prefix, viewBytes(rawBody))
  if (!(await isSigned(content, signatures, keys))) {
    throw new WebhookVerificationError(
      'invalid_signature',
      'no signature of the delivery is by a given secret',
    )
  }
  return content.subarray(prefix.length)
}

function checkTimestamp(timestamp: string, toleranceSeconds: number, now: Date): void {
  if (!/^\d+$/.test(timestamp)) {
    throw new WebhookVerificationError(
      'invalid_timestamp',
      'webhook-timestamp is not a whole number of seconds',
    )
  }
  const ageSeconds = Math.floor(now.getTime() / 1_000) - Number(timestamp)
  // The comparisons are negated so that a NaN tolerance or clock accepts nothing.
  if (!(ageSeconds <= toleranceSeconds)) {
    throw new WebhookVerificationError('timestamp_too_old', `the delivery is ${ageSeconds} seconds old`)
  }
  if (!(ageSeconds >= -toleranceSeconds)) {
    throw new WebhookVerificationError('timestamp_too_new', `the delivery is ${-ageSeconds} seconds ahead`)
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new WebhookVerificationError('invalid_body', 'the body is not JSON', { cause })
  }
}

/** Checks the envelope only. The fields of `data` are trusted, because the service signed them. */
function asEvent(value: unknown): ReceivedEvent {
  const { id, event, timestamp, data } = (value ?? {}) as Record<string, unknown>
  const texts = [id, event, timestamp].every((text) => typeof text === 'string')
  if (!texts || typeof data !== 'object' || data === null || Array.isArray(data)) {
    const message = 'the body is not an event: id, event, timestamp and data are required'
    throw new WebhookVerificationError('invalid_body', message)
  }
  return value as ReceivedEvent
}
