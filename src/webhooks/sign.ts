import { createHmac } from 'node:crypto'

/** What is signed: the body's bytes, and for Standard Webhooks the event's id and the attempt's time with them. */
export interface SignedContent {
  eventId: string
  timestampSeconds: number
  body: Uint8Array | string
}

/**
 * The signature headers of an attempt: `x-krafter-signature` (hex HMAC-SHA256 of the body, keyed by the secret's
 * UTF-8 bytes as they stand) and `webhook-signature` (Standard Webhooks 1.0 `v1`: base64 HMAC-SHA256 of
 * `id.timestamp.body`, keyed by {@link standardWebhooksKey}).
 */
export function signatureHeaders(secret: string, content: SignedContent): Record<string, string> {
  const plain = createHmac('sha256', secret).update(content.body).digest('hex')
  const standard = createHmac('sha256', standardWebhooksKey(secret))
    .update(`${content.eventId}.${content.timestampSeconds}.`)
    .update(content.body)
    .digest('base64')
  return { 'x-krafter-signature': `sha256=${plain}`, 'webhook-signature': `v1,${standard}` }
}

const prefix = 'whsec_'
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * The Standard Webhooks key of a secret: the decoded bytes of `whsec_` + base64 when there are 24 to 64 of them,
 * otherwise the secret's UTF-8 bytes.
 */
export function standardWebhooksKey(secret: string): Buffer {
  if (secret.startsWith(prefix) && base64.test(secret.slice(prefix.length))) {
    const decoded = Buffer.from(secret.slice(prefix.length), 'base64')
    if (decoded.length >= 24 && decoded.length <= 64) return decoded
  }
  return Buffer.from(secret, 'utf8')
}
