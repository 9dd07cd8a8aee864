import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import { remember } from '../../platform/remember.ts'
import type { Credential } from '../channel.ts'

/** Push services refuse tokens valid for more than 24 h (RFC 8292 §2); half of that allows for wrong clocks. */
const tokenLifetimeSeconds = 12 * 3_600

/** How long a token is reused. Apple slows down apps that sign more often than hourly. */
const tokenReuseSeconds = 10 * 3_600

/** Tokens cached, one per app and push service. The least recently used is removed first. */
export const maxCachedTokens = 10_000

const tokenHeader = base64url(JSON.stringify({ typ: 'JWT', alg: 'ES256' }))

interface CachedToken {
  authorization: string
  /** Milliseconds since the epoch. */
  signedAt: number
}

/**
 * Creates the Authorization headers for requests of an app to a push service.
 *
 * @param subject the contact for questions about the traffic: a mailto: or https: URI (RFC 8292 §2.1)
 */
export function createVapidSigner(clock: Clock, subject: string) {
  const cache = new Map<string, CachedToken>()
  const makeToken = ({ publicPart, readSecret }: Credential, origin: string, now: number): CachedToken => {
    const exp = Math.floor(now / 1_000) + tokenLifetimeSeconds
    const token = signToken({ aud: origin, exp, sub: subject }, publicPart, readSecret())
    return { authorization: `vapid t=${token}, k=${publicPart}`, signedAt: now }
  }
  return {
    /**
     * @param keys the app's key pair: its point in base64url, and its 32-byte scalar, which is read only to sign
     * @param origin the endpoint URL's origin
     * @returns `vapid t=…, k=…` (RFC 8292 §3), the same for about ten hours
     * @throws Error with a sentence for people, when the private key cannot be decrypted, or the keys are no P-256 pair
     */
    authorization(keys: Credential, origin: string): string {
      const key = `${keys.publicPart} ${origin}`
      const now = clock.now().getTime()
      const cached = cache.get(key)
      const token = cached && isFresh(cached, now) ? cached : makeToken(keys, origin, now)
      remember(cache, key, token, maxCachedTokens)
      return token.authorization
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
