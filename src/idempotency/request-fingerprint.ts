import { createHmac } from 'node:crypto'

/** What makes a request the one that it is. */
export interface FingerprintedRequest {
  /** The route's pattern, e.g. `/api/v1/push/apps/:app_id/webhooks`. */
  route: string
  params: unknown
  /** As validated: without unknown fields, with defaults. */
  body: unknown
}

/**
 * Tells two requests apart. Their JSON values count, not how they are written: the order of keys does not matter, and
 * a field that is null is the same as one that is absent.
 *
 * @param key a body may hold a secret: without this key nobody can test guesses against what is stored
 * @returns HMAC-SHA256, 32 bytes
 */
export function fingerprint(key: Buffer, { route, params, body }: FingerprintedRequest): Buffer {
  return createHmac('sha256', key)
    .update(JSON.stringify(canonical([route, params, body])))
    .digest()
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  const entries = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, inner]) => [name, canonical(inner)]))
}
