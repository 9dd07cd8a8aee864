import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ReceivedRequest } from '../local-ends/tls-server.ts'

/** How far the receiver's and sender's clocks may differ: Standard Webhooks, "Verifying webhook authenticity". */
const toleranceSeconds = 300

/**
 * Checks a delivery's two signatures as a receiver would. The code follows the published rules and shares nothing with
 * src/webhooks/sign.ts, because it checks that module.
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
  // During a secret rotation several signatures are sent; one valid signature is enough.
  return String(signatures)
    .split(' ')
    .some((signature) => equal(signature, `v1,${expected}`))
}

/** Compares in constant time, so that timing does not reveal where the values differ. */
function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
