import { WebhookVerificationError } from './errors.ts'
import type { WebhookEvent } from './events.ts'

export * from './errors.ts'
export * from './events.ts'

/** The body as it arrived, before any parser. */
export type RawBody = string | Uint8Array | ArrayBuffer

/** A fetch `Headers`, or an object like Node's `request.headers`, in any case. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

/**
 * The webhook's secret, or the `whpk_…` public key of its Ed25519 signatures. Several during a rotation: one match
 * is enough.
 */
export type WebhookSecret = string | readonly string[]

export interface VerifyOptions {
  /** How far `webhook-timestamp` may be from now, either way. Default 300. */
  toleranceSeconds?: number
  /** Default: the system clock. */
  now?: () => Date
}

const defaultToleranceSeconds = 300

/** More signatures than any rotation needs; bounds the work that a forged header can cause. */
const maxSignatures = 16

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Verifies a delivery of one event (Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`).
 * An event whose name is not known here verifies too: see `isKnownEvent`.
 *
 * @throws {WebhookVerificationError} by its `code`, also for a batch of events (`batch`)
 */
export async function verify(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: WebhookSecret,
  options: VerifyOptions = {},
): Promise<WebhookEvent> {
  const body = await openDelivery(rawBody, headers, secret, options)
  if (Array.isArray(body)) {
    throw new WebhookVerificationError('batch', 'the delivery holds a batch of events: use verifyBatch')
  }
  return asEvent(body)
}

/**
 * Verifies a delivery of any form: a batch (`x-krafter-batch`, a JSON array of events) gives its events in order, a
 * single event a list of one. The body decides which it is, since the header is not signed.
 *
 * @throws {WebhookVerificationError} by its `code`; one malformed event refuses the batch
 */
export async function verifyBatch(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: WebhookSecret,
  options: VerifyOptions = {},
): Promise<WebhookEvent[]> {
  const body = await openDelivery(rawBody, headers, secret, options)
  return Array.isArray(body) ? body.map(asEvent) : [asEvent(body)]
}

/**
 * Whether `x-krafter-signature` (`sha256=` + lower-case hex HMAC-SHA256 of the body, keyed by the secret's UTF-8
 * bytes) is by one of the secrets. It covers no time, so that a copied delivery passes for ever: prefer
 * {@link verify}.
 *
 * @throws {WebhookVerificationError} `invalid_secret`, also for a public key; `invalid_body` for no raw body
 */
export async function verifyKrafterSignature(
  rawBody: RawBody,
  header: string | readonly string[] | null | undefined,
  secret: WebhookSecret,
): Promise<boolean> {
  const secrets = listSecrets(secret)
  // Whoever knows a public key could sign with it as an HMAC key.
  if (secrets.some((text) => text.startsWith('whpk_'))) throw badSecret('a public key makes no HMAC')
  const body = new Uint8Array(viewBytes(rawBody))
  const hex = /^sha256=([0-9a-f]{64})$/.exec(String(header))?.[1]
  if (!hex) return false
  const signature = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  const keys = secrets.map((text): Key => ({ version: 'v1', bytes: encoder.encode(text) }))
  return isSigned(body, [{ version: 'v1', bytes: signature }], keys)
}

/** Checks time, then signature, and only then parses what was signed. */
async function openDelivery(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: WebhookSecret,
  { toleranceSeconds = defaultToleranceSeconds, now = () => new Date() }: VerifyOptions,
): Promise<unknown> {
  const keys = listSecrets(secret).map(toKey)
  const id = readHeader(headers, 'webhook-id')
  const timestamp = readHeader(headers, 'webhook-timestamp')
  const signatures = readSignatures(readHeader(headers, 'webhook-signature'))
  checkTimestamp(timestamp, toleranceSeconds, now())
  const prefix = encoder.encode(`${id}.${timestamp}.`)
  const body = viewBytes(rawBody)
  // A copy, that nobody else can change between the check and the parser.
  const content = new Uint8Array(prefix.length + body.length)
  content.set(prefix)
  content.set(body, prefix.length)
  if (!(await isSigned(content, signatures, keys))) {
    throw new WebhookVerificationError(
      'invalid_signature',
      'no signature of the delivery is by a given secret',
    )
  }
  return parse(content.subarray(prefix.length))
}

function readHeader(headers: WebhookHeaders, name: string): string {
  const value = typeof headers.get === 'function' ? headers.get(name) : findHeader(headers, name)
  if (!value) throw new WebhookVerificationError('missing_header', `the header ${name} is missing`)
  return value
}

/** Several values joined as fetch and Node join them. */
function findHeader(headers: object, name: string): string {
  return Object.entries(headers)
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, value]) => value ?? [])
    .join(', ')
}

function checkTimestamp(timestamp: string, toleranceSeconds: number, now: Date): void {
  if (!/^\d+$/.test(timestamp)) {
    throw new WebhookVerificationError('invalid_timestamp', 'webhook-timestamp is no number of seconds')
  }
  const ageSeconds = Math.floor(now.getTime() / 1_000) - Number(timestamp)
  // Negated, so that a tolerance or clock that is not a number accepts nothing.
  if (!(ageSeconds <= toleranceSeconds)) {
    throw new WebhookVerificationError('timestamp_too_old', `the delivery is ${ageSeconds} seconds old`)
  }
  if (!(ageSeconds >= -toleranceSeconds)) {
    throw new WebhookVerificationError('timestamp_too_new', `the delivery is ${-ageSeconds} seconds ahead`)
  }
}

/** `v1`: HMAC-SHA256; `v1a`: Ed25519. A key checks signatures of its own version only. */
interface Key {
  version: 'v1' | 'v1a'
  bytes: Uint8Array<ArrayBuffer>
}

interface Signature {
  version: string
  bytes: Uint8Array<ArrayBuffer>
}

/**
 * The base64 of 32 and of 64 bytes. The last character's spare bits must be 0: otherwise a changed signature would
 * be taken for the same.
 */
const signatureForms = [
  /^(v1),([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/,
  /^(v1a),([A-Za-z0-9+/]{85}[AQgw]==)$/,
]

/** Other versions and malformed entries are passed over. */
function readSignatures(header: string): Signature[] {
  return header
    .split(/,? /, maxSignatures)
    .flatMap((entry) => signatureForms.map((form) => form.exec(entry)).filter((match) => match !== null))
    .map((match) => ({ version: match[1]!, bytes: fromBase64(match[2]!) }))
}

function listSecrets(secret: WebhookSecret): readonly string[] {
  const secrets = typeof secret === 'string' ? [secret] : (secret ?? [])
  if (secrets.length === 0) throw badSecret('there is no secret')
  // An unset environment variable must not become a key that everybody knows.
  if (secrets.some((text) => typeof text !== 'string' || text === '')) throw badSecret('a secret is empty')
  return secrets
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * `whpk_` + base64 of 32 bytes is an Ed25519 public key, and never an HMAC key, since it is no secret. `whsec_` +
 * base64 of 24 to 64 bytes is those bytes, any other secret its UTF-8 bytes, as the service signs.
 */
function toKey(secret: string): Key {
  const encoded = /^wh(?:pk|sec)_(.*)$/s.exec(secret)?.[1]
  const bytes = encoded !== undefined && base64.test(encoded) ? fromBase64(encoded) : new Uint8Array()
  if (secret.startsWith('whpk_')) {
    if (bytes.length !== 32) throw badSecret('whpk_ is not followed by the base64 of 32 bytes')
    return { version: 'v1a', bytes }
  }
  return { version: 'v1', bytes: bytes.length >= 24 && bytes.length <= 64 ? bytes : encoder.encode(secret) }
}

const algorithms = { v1: { name: 'HMAC', hash: 'SHA-256' }, v1a: { name: 'Ed25519' } }

/** Whether a signature is by a key. `subtle.verify` compares in constant time. */
async function isSigned(
  content: Uint8Array<ArrayBuffer>,
  signatures: readonly Signature[],
  keys: readonly Key[],
): Promise<boolean> {
  const { subtle } = globalThis.crypto
  for (const { version, bytes } of keys) {
    const algorithm = algorithms[version]
    const key = await subtle.importKey('raw', bytes, algorithm, false, ['verify']).catch((cause) => {
      throw badSecret(`this runtime does not take the ${algorithm.name} key`, { cause })
    })
    for (const signature of signatures) {
      if (signature.version !== version) continue
      if (await subtle.verify(algorithm, key, signature.bytes, content)) return true
    }
  }
  return false
}

function badSecret(message: string, options?: ErrorOptions): WebhookVerificationError {
  return new WebhookVerificationError('invalid_secret', message, options)
}

/** Views and buffers of another realm (a test's, a sandbox's) are taken too. */
function viewBytes(rawBody: RawBody): Uint8Array {
  if (typeof rawBody === 'string') return encoder.encode(rawBody)
  if (ArrayBuffer.isView(rawBody)) {
    return new Uint8Array(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength)
  }
  if (Object.prototype.toString.call(rawBody) === '[object ArrayBuffer]') return new Uint8Array(rawBody)
  const message = 'rawBody must be the body as it arrived, a string or bytes, not what a parser made of it'
  throw new WebhookVerificationError('invalid_body', message)
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new WebhookVerificationError('invalid_body', 'the body is not JSON', { cause })
  }
}

/** The envelope is checked, the data is what the service signed. */
function asEvent(value: unknown): WebhookEvent {
  const { id, event, timestamp, data } = (value ?? {}) as Record<string, unknown>
  const texts = [id, event, timestamp].every((text) => typeof text === 'string')
  if (!texts || typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new WebhookVerificationError('invalid_body', 'the body is no event: id, event, timestamp, data')
  }
  return value as WebhookEvent
}
