import { createECDH } from 'node:crypto'
import { orUndefined } from '../../platform/or-undefined.ts'
import { decodeBase64 } from './encrypt.ts'

/** An app's key pair: the 65-byte point in base64url, as browsers want it, and the 32-byte scalar. */
export interface VapidKeys {
  publicKey: string
  privateKey: Buffer
}

/** Generates a P-256 key pair for an app (RFC 8292 §3.2). */
export function generateVapidKeys(): VapidKeys {
  const pair = createECDH('prime256v1')
  pair.generateKeys()
  // getPrivateKey drops leading zeros.
  const privateKey = Buffer.alloc(32)
  const scalar = pair.getPrivateKey()
  privateKey.set(scalar, 32 - scalar.length)
  return { publicKey: pair.getPublicKey('base64url'), privateKey }
}

export type ParsedVapidKeys =
  | { ok: true; keys: VapidKeys }
  | { ok: false; field: 'vapid_public_key' | 'vapid_private_key'; message: string }

/**
 * Reads a key pair that was generated elsewhere: base64url, with or without padding, or plain base64.
 *
 * @returns the pair, or which field is wrong and how, in words fit for API validation details
 */
export function parseVapidKeys(publicKey: string, privateKey: string): ParsedVapidKeys {
  const point = decodeBase64(publicKey)
  if (point?.length !== 65 || point[0] !== 4) {
    const message = 'must be an uncompressed P-256 public key in base64url'
    return { ok: false, field: 'vapid_public_key', message }
  }
  const scalar = decodeBase64(privateKey)
  const derived = scalar?.length === 32 ? derivePublicKey(scalar) : undefined
  if (!scalar || !derived) {
    const message = 'must be a P-256 private key: 32 bytes in base64url'
    return { ok: false, field: 'vapid_private_key', message }
  }
  if (!derived.equals(point)) {
    return { ok: false, field: 'vapid_private_key', message: 'does not belong to vapid_public_key' }
  }
  return { ok: true, keys: { publicKey: point.toString('base64url'), privateKey: scalar } }
}

/** @returns undefined when the scalar is 0, or not below the order of the curve */
function derivePublicKey(scalar: Uint8Array): Buffer | undefined {
  const pair = createECDH('prime256v1')
  return orUndefined(() => {
    pair.setPrivateKey(scalar)
    return pair.getPublicKey()
  })
}

/** A public key in the form that is stored: base64url without padding. */
export function normalizeVapidPublicKey(publicKey: string): string {
  return decodeBase64(publicKey)?.toString('base64url') ?? publicKey
}
