import { createHmac, sign } from 'node:crypto'
import { standardWebhooksKey } from '../../webhooks/secrets/secret-key.ts'
import type { SigningKeys } from './target.ts'

/** The signed content: the body's bytes; Standard Webhooks adds the `webhook-id` and the attempt's time. */
export interface SignedContent {
  messageId: string
  timestampSeconds: number
  body: Uint8Array | string
}

/**
 * Returns the signature headers of an attempt; none without a key.
 *
 * - `x-krafter-signature`: `sha256=` + hex HMAC-SHA256 of the body, keyed by the secret's UTF-8 bytes.
 * - `x-krafter-signature-previous`: the same, keyed by the secret before the last rotation.
 * - `webhook-signature` (Standard Webhooks 1.0), values separated by spaces: for each secret `v1,` + base64 HMAC-SHA256
 *   of `id.timestamp.body`, keyed by {@link standardWebhooksKey}, and `v1a,` + base64 Ed25519 of the same text.
 */
export function signatureHeaders(keys: SigningKeys, content: SignedContent): Record<string, string> {
  const { secret, previousSecret, ed25519 } = keys
  const headers: Record<string, string> = {}
  const signatures: string[] = []
  if (secret !== null) {
    headers['x-krafter-signature'] = plainSignature(secret, content)
    signatures.push(standardSignature(secret, content))
  }
  if (previousSecret !== null) {
    headers['x-krafter-signature-previous'] = plainSignature(previousSecret, content)
    signatures.push(standardSignature(previousSecret, content))
  }
  if (ed25519) {
    const signed = Buffer.concat([Buffer.from(signedPrefix(content)), Buffer.from(content.body)])
    signatures.push(`v1a,${sign(null, signed, ed25519).toString('base64')}`)
  }
  if (signatures.length > 0) headers['webhook-signature'] = signatures.join(' ')
  return headers
}

function plainSignature(secret: string, { body }: SignedContent): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}

function standardSignature(secret: string, content: SignedContent): string {
  const hmac = createHmac('sha256', standardWebhooksKey(secret)).update(signedPrefix(content))
  return `v1,${hmac.update(content.body).digest('base64')}`
}

function signedPrefix({ messageId, timestampSeconds }: SignedContent): string {
  return `${messageId}.${timestampSeconds}.`
}
