import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { SignatureScheme } from '../../database.ts'
import type { Deps } from '../../deps.ts'
import { text } from '../../platform/http/fields.ts'
import type { WebhookChange } from '../webhook-state.ts'
import { decodeSecret } from './secret-key.ts'

/**
 * A secret as a request gives it. Standard Webhooks reserves two prefixes for Ed25519 keys: a verifier would mistake a
 * secret with such a prefix for a key.
 */
export const secretField = text(255)
  .refine(
    (secret) => !/^wh[ps]k_/.test(secret),
    'must not begin with whpk_ or whsk_, which name Ed25519 keys',
  )
  .refine(
    (secret) => !secret.startsWith('whsec_') || isCanonical(secret),
    'must be whsec_ and 24 to 64 bytes in base64 with its padding: Standard Webhooks libraries read any other secret with this prefix as another key, or refuse it',
  )

/** Some decoders refuse leftover bits in the last character. Encoding the key again drops them, so the texts differ. */
function isCanonical(secret: string): boolean {
  const key = decodeSecret(secret)
  return key !== null && secret === `whsec_${key.toString('base64')}`
}

export const signatureField = z
  .enum(['hmac', 'ed25519'])
  .describe(
    '`hmac`: `webhook-signature` is by the secret; `ed25519`: it also has a signature (`v1a`) that `public_key` verifies.',
  )

/** `whsec_` and 32 random bytes in base64 (Standard Webhooks 1.0). */
export function generateSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

/** @returns null when the secret is absent, null or empty */
export function encryptSecret(
  { crypto }: Pick<Deps, 'crypto'>,
  webhookId: string,
  secret: string | null | undefined,
): Buffer | null {
  return secret ? crypto.encrypt(secret, `webhook-secret:${webhookId}`) : null
}

/** Sets or removes the secret at once: the previous secret stops signing. */
export function secretChange(
  deps: Pick<Deps, 'crypto'>,
  webhookId: string,
  secret: string | null | undefined,
): WebhookChange {
  if (secret === undefined) return {}
  return {
    secret: encryptSecret(deps, webhookId, secret),
    previous_secret: null,
    previous_secret_expires_at: null,
  }
}

/**
 * Creates an Ed25519 key pair when a webhook changes to `ed25519`, and removes it on the change to `hmac`.
 *
 * @param current the webhook's scheme now
 */
export function signatureChange(
  { crypto }: Pick<Deps, 'crypto'>,
  webhookId: string,
  wanted: SignatureScheme | undefined,
  current: SignatureScheme,
): WebhookChange {
  if (wanted === undefined || wanted === current) return {}
  if (wanted === 'hmac') return { signature: wanted, signing_key: null, public_key: null }
  const { privateKey } = generateKeyPairSync('ed25519')
  const { d: seed, x: point } = privateKey.export({ format: 'jwk' })
  return {
    signature: wanted,
    signing_key: crypto.encrypt(Buffer.from(seed!, 'base64url'), `webhook-signing-key:${webhookId}`),
    public_key: `whpk_${Buffer.from(point!, 'base64url').toString('base64')}`,
  }
}
