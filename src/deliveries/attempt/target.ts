import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { Deps } from '../../deps.ts'
import { signatureField } from '../../webhooks/secrets/webhook-secrets.ts'
import type { DueWebhook } from '../due-webhook-store.ts'

/** The keys that sign an attempt; all null: it is not signed. */
export interface SigningKeys {
  secret: string | null
  /** The secret before the last rotation, while both are valid. */
  previousSecret: string | null
  ed25519: KeyObject | null
}

/** A delivery's destination, decrypted and ready for use. */
export interface Target {
  url: URL
  keys: SigningKeys
  /** The webhook's own headers, in addition to those of every delivery. */
  headers: Record<string, string>
  /** PEM certificates trusted for this webhook; absent: the public authorities. */
  ca?: string | undefined
  /** Whether attempts carry a `traceparent` header; absent: they do not. */
  traceparent?: boolean
}

/**
 * Decrypts the secrets and headers that attempts to a webhook use.
 *
 * @throws DecryptionError when a secret was encrypted with a key that is not configured; an error when a later version
 *   signs the webhook's deliveries in another way: with other signatures, or none, the receiver could refuse them
 */
export function toTarget({ crypto }: Pick<Deps, 'crypto'>, webhook: DueWebhook): Target {
  const { id, url, secret, previousSecret, signature, signingKey, headerValues, caPem, traceparent } = webhook
  if (!signatureField.options.includes(signature)) throw new Error('its signature scheme is unknown')
  const decrypt = (value: Uint8Array | null, purpose: string) =>
    value && crypto.decrypt(value, `${purpose}:${id}`).toString('utf8')
  return {
    url: new URL(url),
    keys: {
      secret: decrypt(secret, 'webhook-secret'),
      previousSecret: decrypt(previousSecret, 'webhook-secret'),
      ed25519: signingKey && importSeed(crypto.decrypt(signingKey, `webhook-signing-key:${id}`)),
    },
    headers: JSON.parse(decrypt(headerValues, 'webhook-headers') ?? '{}'),
    ca: caPem ?? undefined,
    traceparent,
  }
}

/** RFC 8410 §7: the bytes before an Ed25519 seed in PKCS #8. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

function importSeed(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
}
