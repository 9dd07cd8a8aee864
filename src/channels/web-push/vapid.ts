import { createECDH, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Credential } from '../channel.ts'
import { decodeBase64 } from './encrypt.ts'

/** Push services refuse tokens valid for more than 24 h (RFC 8292 §2); half of that allows for wrong clocks. */
const tokenLifetimeSeconds = 12 * 3_600

/** How long a token is reused. Apple slows down apps that sign more often than hourly. */
const tokenReuseSeconds = 10 * 3_600

/** Tokens cached, one per app and push service. The least recently used is removed first. */
export const maxCachedTokens = 10_000

const tokenHeader = base64url(JSON.stringify({ typ: 'JWT', alg: 'ES256' }))

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
  const derived = scalar?.length === 32 ? derivePublicKey(scalar) : null
  if (!scalar || !derived) {
    const message = 'must be a P-256 private key: 32 bytes in base64url'
    return { ok: false, field: 'vapid_private_key', message }
  }
  if (!derived.equals(point)) {
    return { ok: false, field: 'vapid_private_key', message: 'does not belong to vapid_public_key' }
  }
  return { ok: true, keys: { publicKey: point.toString('base64url'), privateKey: scalar } }
}

/** @returns null when the scalar is 0, or not below the order of the curve */
function derivePublicKey(scalar: Uint8Array): Buffer | null {
  const pair = createECDH('prime256v1')
  try {
    pair.setPrivateKey(scalar)
    return pair.getPublicKey()
  } catch {
    return null
  }
}

/** A public key in the form that is stored: base64url without padding. */
export function normalizeVapidPublicKey(publicKey: string): string {
  return decodeBase64(publicKey)?.toString('base64url') ?? publicKey
}

/** Creates the Authorization header for requests of an app to a push service. */
export interface VapidSigner {
  /**
   * @param keys the app's key pair: its point in base64url, and its 32-byte scalar, which is read only to sign
   * @param origin the endpoint URL's origin
   * @returns `vapid t=…, k=…` (RFC 8292 §3), the same for about ten hours
   * @throws Error with a sentence for people, when the private key cannot be decrypted, or the keys are no P-256 pair
   */
  authorization(keys: Credential, origin: string): string
}

interface CachedToken {
  authorization: string
  /** Milliseconds since the epoch. */
  signedAt: number
}

/** @param subject the contact for questions about the traffic: a mailto: or https: URI (RFC 8292 §2.1) */
export function createVapidSigner(clock: Clock, subject: string): VapidSigner {
  const cache = new Map<string, CachedToken>()

  return {
    authorization({ publicPart: publicKey, readSecret }, origin) {
      const key = `${publicKey} ${origin}`
      const now = clock.now().getTime()
      const cached = cache.get(key)
      if (cached && isFresh(cached, now)) {
        // Moves to the end: a Map iterates in insertion order, so the first entry is the longest unused.
        cache.delete(key)
        cache.set(key, cached)
        return cached.authorization
      }
      const expiresAt = Math.floor(now / 1_000) + tokenLifetimeSeconds
      const token = signToken({ aud: origin, exp: expiresAt, sub: subject }, publicKey, readSecret())
      const authorization = `vapid t=${token}, k=${publicKey}`
      cache.delete(key)
      cache.set(key, { authorization, signedAt: now })
      if (cache.size > maxCachedTokens) {
        cache.delete(cache.keys().next().value!)
      }
      return authorization
    },
  }
}

/** A token is also stale if the clock was set back: it might outlive the 24 hours. */
function isFresh({ signedAt }: CachedToken, now: number): boolean {
  return now >= signedAt && now - signedAt < tokenReuseSeconds * 1_000
}

function signToken(
  claims: { aud: string; exp: number; sub: string },
  publicKey: string,
  privateKey: Uint8Array,
): string {
  const unsigned = `${tokenHeader}.${base64url(JSON.stringify(claims))}`
  // JWT signatures are r and s side by side, not DER (RFC 7518 §3.4).
  const options = { key: importPrivateKey(publicKey, privateKey), dsaEncoding: 'ieee-p1363' } as const
  return `${unsigned}.${sign('sha256', Buffer.from(unsigned), options).toString('base64url')}`
}

function importPrivateKey(publicKey: string, privateKey: Uint8Array): KeyObject {
  const point = Buffer.from(publicKey, 'base64url')
  const key = {
    kty: 'EC',
    crv: 'P-256',
    d: Buffer.from(privateKey).toString('base64url'),
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33, 65).toString('base64url'),
  }
  try {
    return createPrivateKey({ key, format: 'jwk' })
  } catch (cause) {
    throw new Error('the VAPID keys of the app cannot be used', { cause })
  }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
