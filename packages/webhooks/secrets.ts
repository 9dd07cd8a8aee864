import { encode, fromBase64 } from './bytes.ts'
import { WebhookVerificationError } from './errors.ts'

/**
 * The webhook's secret, or the `whpk_…` public key of its Ed25519 signatures. Pass several during a rotation: one
 * match is enough.
 */
export type WebhookSecret = string | readonly string[]

/** `v1`: HMAC-SHA256; `v1a`: Ed25519. A key checks signatures of its own version only. */
export interface Key {
  version: 'v1' | 'v1a'
  bytes: Uint8Array<ArrayBuffer>
}

/** @throws {WebhookVerificationError} `invalid_secret` when there is no secret, or one is empty */
export function listSecrets(secret: WebhookSecret): readonly string[] {
  const secrets = typeof secret === 'string' ? [secret] : (secret ?? [])
  if (secrets.length === 0) throw badSecret('there is no secret')
  // Otherwise an unset environment variable would become the empty key, which everybody knows.
  if (secrets.some((text) => typeof text !== 'string' || text === '')) throw badSecret('a secret is empty')
  return secrets
}

/**
 * `whpk_` + base64 of 32 bytes is an Ed25519 public key, and never an HMAC key, because it is not secret. `whsec_` +
 * base64 of 24 to 64 bytes stands for those bytes, any other secret for its UTF-8 bytes, as in the service.
 */
export function toKey(secret: string): Key {
  const bytes = decodeAfter(/^wh(?:pk|sec)_(.*)$/s, secret)
  if (secret.startsWith('whpk_')) {
    if (bytes.length !== 32) throw badSecret('whpk_ is not followed by the base64 of 32 bytes')
    return { version: 'v1a', bytes }
  }
  return { version: 'v1', bytes: bytes.length >= 24 && bytes.length <= 64 ? bytes : encode(secret) }
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Decodes the base64 in the first group of `form`. Returns no bytes if the secret does not match. */
export function decodeAfter(form: RegExp, secret: string): Uint8Array<ArrayBuffer> {
  const encoded = form.exec(secret)?.[1]
  return encoded !== undefined && base64.test(encoded) ? fromBase64(encoded) : new Uint8Array()
}

export function badSecret(message: string, options?: ErrorOptions): WebhookVerificationError {
  return new WebhookVerificationError('invalid_secret', message, options)
}
