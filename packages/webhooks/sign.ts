import { concat, encode, toBase64, toHex } from './bytes.ts'
import type { EventName, WebhookEvent } from './events.ts'
import { badSecret, decodeAfter, listSecrets, toKey, type WebhookSecret } from './secrets.ts'

/** An event to sign. If `id` or `timestamp` is absent, it is generated. */
export type EventToSign =
  | { [N in EventName]: Partial<WebhookEvent<N>> & Pick<WebhookEvent<N>, 'event' | 'data'> }[EventName]
  | { id?: string; event: string; timestamp?: string; data: Record<string, unknown> }

export interface SignOptions {
  /** The `webhook-id`. Default: the event's id, or a new id for a batch or a text. */
  id?: string
  /** Default: the system clock. */
  now?: () => Date
}

/** A delivery as the service sends it. */
export interface SignedDelivery {
  headers: Record<string, string>
  body: string
}

/**
 * Signs a delivery as the service does, for tests of a receiver: an event, a batch of events, or a text as it stands.
 * The secret is the webhook's; `whsk_` + base64 of 32 bytes is an Ed25519 private key. With several secrets, each adds
 * a signature, as during a rotation.
 *
 * @throws {WebhookVerificationError} `invalid_secret`
 */
export async function sign(
  content: EventToSign | readonly EventToSign[] | string,
  secret: WebhookSecret,
  { id, now = () => new Date() }: SignOptions = {},
): Promise<SignedDelivery> {
  const sentAt = now()
  const complete = typeof content === 'string' ? content : completeEvents(content, sentAt)
  const body = typeof complete === 'string' ? complete : JSON.stringify(complete)
  const messageId = id ?? idOf(complete) ?? crypto.randomUUID()
  const timestamp = String(Math.floor(sentAt.getTime() / 1_000))
  const secrets = listSecrets(secret)
  const signed = encode(`${messageId}.${timestamp}.${body}`)
  const signatures = await Promise.all(secrets.map((one) => signStandard(one, signed)))
  const plain = secrets.find((one) => !one.startsWith('whsk_'))
  return {
    headers: {
      'content-type': 'application/json',
      ...nameContent(complete),
      'x-krafter-webhook-id': crypto.randomUUID(),
      'webhook-id': messageId,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatures.join(' '),
      ...(plain && { 'x-krafter-signature': `sha256=${toHex(await hmac(encode(plain), encode(body)))}` }),
    },
    body,
  }
}

/** Like {@link sign}, but returns a Fetch API `Request` to a route under test. */
export async function signRequest(
  url: string,
  content: EventToSign | readonly EventToSign[] | string,
  secret: WebhookSecret,
  options: SignOptions = {},
): Promise<Request> {
  return new Request(url, { method: 'POST', ...(await sign(content, secret, options)) })
}

function completeEvents(content: EventToSign | readonly EventToSign[], now: Date) {
  const timestamp = `${now.toISOString().slice(0, 19)}Z`
  const complete = (event: EventToSign) => ({ id: crypto.randomUUID(), timestamp, ...event })
  return isList(content) ? content.map(complete) : complete(content)
}

function isList(content: EventToSign | readonly EventToSign[]): content is readonly EventToSign[] {
  return Array.isArray(content)
}

type Complete = ReturnType<typeof completeEvents> | string

function idOf(content: Complete): string | undefined {
  return typeof content === 'string' || Array.isArray(content) ? undefined : content.id
}

function nameContent(content: Complete): Record<string, string> {
  if (typeof content === 'string') return {}
  if (!Array.isArray(content)) return { 'x-krafter-event': content.event }
  return { 'x-krafter-event': 'batch', 'x-krafter-batch': String(content.length) }
}

/** The beginning of an Ed25519 private key in PKCS#8, before its 32 bytes (RFC 8410 section 7). */
const pkcs8Prefix = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)

async function signStandard(secret: string, content: Uint8Array<ArrayBuffer>): Promise<string> {
  if (secret.startsWith('whpk_')) throw badSecret('a public key cannot sign')
  if (!secret.startsWith('whsk_')) return `v1,${toBase64(await hmac(toKey(secret).bytes, content))}`
  const seed = decodeAfter(/^whsk_(.*)$/s, secret)
  if (seed.length !== 32) throw badSecret('whsk_ is not followed by the base64 of 32 bytes')
  const { subtle } = globalThis.crypto
  const key = await subtle.importKey('pkcs8', concat(pkcs8Prefix, seed), 'Ed25519', false, ['sign'])
  return `v1a,${toBase64(new Uint8Array(await subtle.sign('Ed25519', key, content)))}`
}

async function hmac(bytes: Uint8Array<ArrayBuffer>, content: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const { subtle } = globalThis.crypto
  const key = await subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return new Uint8Array(await subtle.sign('HMAC', key, content))
}
