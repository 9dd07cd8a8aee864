import { createHmac } from 'node:crypto'

/** The parts of a request that identify it. */
export interface FingerprintedRequest {
  /** The route's pattern, e.g. `/api/v1/push/apps/:app_id/webhooks`. */
  route: string
  params: unknown
  /** The body after validation: without unknown fields, with defaults. */
  body: unknown
}

/**
 * Tells two requests apart by their JSON values, not their spelling: the order of keys does not matter, and a null
 * field equals an absent field.
 *
 * @param key a body may hold a secret: without this key nobody can test guesses against the stored fingerprint
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
