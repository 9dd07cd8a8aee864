import { createPublicKey, verify } from 'node:crypto'
import { orUndefined } from '../platform/or-undefined.ts'

/** The claims of a VAPID token (RFC 8292 §2). */
interface Claims {
  aud?: unknown
  exp?: unknown
  sub?: unknown
}

/** RFC 8292 §2: `exp` must not be further in the future. */
const maxLifetimeSeconds = 86_400

/**
 * Explains why a push service must refuse a request's VAPID token, by the rules of RFC 8292 for push services.
 *
 * @param authorization the value of the `Authorization` header
 * @param subscription who may send (§4.2): the key the subscription was made with, base64url, and the service's origin
 * @param now seconds since the epoch
 * @returns undefined when the token is valid
 */
export function vapidProblem(
  authorization: string | undefined,
  subscription: { applicationServerKey: string; origin: string },
  now: number,
): string | undefined {
  const token = /^vapid (?:.*, ?)?t=([\w-]+)\.([\w-]+)\.([\w-]+)(?:,|$)/i.exec(authorization ?? '')
  const [, key] = /[ ,]k=([\w-]+)(?:,|$)/.exec(authorization ?? '') ?? []
  if (!token || !key) return 'the Authorization header holds no VAPID token and key'
  if (key !== subscription.applicationServerKey) return 'the VAPID key is not that of the subscription'
  const [, header, payload, signature] = token as unknown as [string, string, string, string]
  if (parse<{ alg?: unknown }>(header)?.alg !== 'ES256') return 'the VAPID token is not signed with ES256'
  if (!isSigned(`${header}.${payload}`, signature, key)) return 'the signature of the VAPID token is wrong'
  return claimProblem(parse<Claims>(payload) ?? {}, subscription.origin, now)
}

function claimProblem({ aud, exp, sub }: Claims, origin: string, now: number): string | undefined {
  if (aud !== origin) return `the VAPID token is for ${String(aud)}`
  if (typeof exp !== 'number' || exp <= now) return 'the VAPID token has expired'
  if (exp > now + maxLifetimeSeconds) return 'the VAPID token lives for more than 24 hours'
  if (!/^(mailto:|https:)./.test(String(sub))) return 'the VAPID token names no contact'
  return undefined
}

/** Verifies ES256 (RFC 7518 §3.4): the signature is r followed by s. */
function isSigned(signed: string, signature: string, key: string): boolean {
  const point = Buffer.from(key, 'base64url')
  if (point.length !== 65 || point[0] !== 4) return false
  const [x, y] = [point.subarray(1, 33).toString('base64url'), point.subarray(33).toString('base64url')]
  const jwk = { format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } } as const
  const publicKey = orUndefined(() => createPublicKey(jwk))
  if (!publicKey) return false
  const form = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  return verify('sha256', Buffer.from(signed), form, Buffer.from(signature, 'base64url'))
}

function parse<T>(part: string): T | undefined {
  return orUndefined(() => JSON.parse(Buffer.from(part, 'base64url').toString()))
}
