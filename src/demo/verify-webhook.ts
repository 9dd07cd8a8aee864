import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ReceivedRequest } from '../local-ends/tls-server.ts'

/** How far a receiver's clock and the sender's may be apart: Standard Webhooks, "Verifying webhook authenticity". */
const toleranceSeconds = 300

/**
 * What is wrong with a delivery's two signatures, as a receiver finds out: written from the published rules and not
 * from src/webhooks/sign.ts, whose judge it is.
 *
 * @param secret `whsec_` and base64
 * @param now seconds since the epoch
 * @returns a sentence for each signature that does not verify; none when both do
 */
export function webhookProblems(
  secret: string,
  { headers, body }: Pick<ReceivedRequest, 'headers' | 'body'>,
  now: number,
): string[] {
  const problems: string[] = []
  if (!verifiesStandard(secret, headers, body, now)) problems.push('webhook-signature does not verify')
  const krafter = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
  if (!equal(String(headers['x-krafter-signature']), krafter)) {
    problems.push('x-krafter-signature does not verify')
  }
  return problems
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#verifying-signatures */
function verifiesStandard(
  secret: string,
  headers: ReceivedRequest['headers'],
  body: Buffer,
  now: number,
): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers
  if (!id || !/^\d+$/.test(String(timestamp)) || !signatures) return false
  if (Math.abs(now - Number(timestamp)) > toleranceSeconds) return false
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
  // Several are sent while a secret is replaced; one that fits is enough.
  return String(signatures)
    .split(' ')
    .some((signature) => equal(signature, `v1,${expected}`))
}

/** In a time that tells nothing about where they differ. */
function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
