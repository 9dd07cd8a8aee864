import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  createDeduplicator,
  type Deduplicator,
  sign,
  verifySignature,
  type WebhookErrorCode,
  WebhookVerificationError,
} from './index.ts'

/** The receivers' part of Postel's compliance vectors, unchanged; MIT, see vectors/LICENSE. */
const folder = join(import.meta.dirname, 'vectors')

interface Vector {
  id: string
  input: { headers: Record<string, string>; body_b64: string }
  secrets: { fixture: string }[]
  signature_mode: 'computed' | 'static'
  concurrency?: number
  expected: { outcome?: string; outcomes?: string[]; error_code?: string }
}

const read = (path: string) => parse(readFileSync(join(folder, path), 'utf8'))
const vectors: Vector[] = globSync('{signature-*,wire-format,receiver}/**/*.yaml', { cwd: folder })
  .sort()
  .map(read)

const material = (fixture: string): string => read(`_keys/${fixture}`).key_material

/** As the vectors say that the receiver is configured. */
const receiverSecrets = [
  material('hmac_primary.yaml'),
  material('hmac_secondary.yaml'),
  read('_keys/ed25519_a.yaml').public_key,
]

/** What this library calls the vectors' codes. It says in which direction a time is wrong. */
const codes: Record<string, WebhookErrorCode[]> = {
  TIMESTAMP_TOO_OLD: ['timestamp_too_old', 'timestamp_too_new'],
  SIGNATURE_INVALID: ['invalid_signature'],
  MALFORMED_HEADER: ['missing_header', 'invalid_signature'],
}

/** Where the static signatures' literal times are. */
const now = new Date('2026-01-01T00:00:00Z')

/** `{{now}}` and `{{now-10m}}`; literal seconds stay. */
const resolveTime = (text: string) =>
  text.replace(/^\{\{now(?:([+-]\d+)m)?\}\}$/, (_, minutes = 0) =>
    String(now.getTime() / 1_000 + minutes * 60),
  )

async function toDelivery({ input, secrets, signature_mode }: Vector) {
  const body = Buffer.from(input.body_b64, 'base64')
  const time = input.headers['webhook-timestamp']
  const headers: Record<string, string> = { ...input.headers }
  if (time) headers['webhook-timestamp'] = resolveTime(time)
  if (signature_mode === 'static') return { body, headers }
  const at = new Date(Number(headers['webhook-timestamp']) * 1_000)
  const keys = secrets.map(({ fixture }) => material(fixture))
  return {
    body,
    headers: (await sign(body.toString(), keys, { id: headers['webhook-id']!, now: () => at })).headers,
  }
}

async function receive(
  { body, headers }: Awaited<ReturnType<typeof toDelivery>>,
  deduplicator: Deduplicator,
): Promise<{ outcome: string; code?: WebhookErrorCode }> {
  try {
    await verifySignature(body, headers, receiverSecrets, { now: () => now })
    const isNew = await deduplicator.once(headers['webhook-id']!, () => {})
    return { outcome: isNew ? 'accept' : 'duplicate' }
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error
    return { outcome: 'reject', code: error.code }
  }
}

describe("Postel's vectors for receivers", () => {
  test('are all there', () => expect(vectors).toHaveLength(30))

  test.each(vectors.map((vector) => [vector.id, vector] as const))('%s', async (id, vector) => {
    const deduplicator = createDeduplicator()
    const delivery = await toDelivery(vector)
    // The vectors' own convention: such an id was received before.
    const messageId = vector.input.headers['webhook-id']
    if (messageId?.startsWith('pre_seen_')) await deduplicator.once(messageId, () => {})
    const { outcome, outcomes = [outcome], error_code: errorCode } = vector.expected
    const results = await Promise.all(
      Array.from({ length: vector.concurrency ?? 1 }, () => receive(delivery, deduplicator)),
    )
    expect(results.map((result) => result.outcome).sort(), id).toEqual(outcomes)
    if (errorCode) expect(codes[errorCode]).toContain(results[0]!.code)
  })
})
