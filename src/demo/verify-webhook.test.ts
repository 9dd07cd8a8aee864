import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { webhookProblems } from './verify-webhook.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const body = Buffer.from('{"event":"notification.sent"}')
const now = 1_764_000_000

/** Signed by the reference implementation. */
function signed(at = now) {
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(at),
    'webhook-signature': new Webhook(secret).sign('msg_1', new Date(at * 1_000), body.toString()),
    'x-krafter-signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  }
}

test('finds nothing wrong with what the reference implementation signs', () => {
  expect(webhookProblems(secret, { headers: signed(), body }, now)).toEqual([])
})

test('one fitting signature of several is enough', () => {
  const headers = { ...signed(), 'webhook-signature': `v1,AAAA ${signed()['webhook-signature']}` }
  expect(webhookProblems(secret, { headers, body }, now)).toEqual([])
})

test.each([
  ['another body', { body: Buffer.from('{}') }, ['webhook-signature', 'x-krafter-signature']],
  ['no headers', { headers: {} }, ['webhook-signature', 'x-krafter-signature']],
  [
    'a wrong plain signature',
    { headers: { ...signed(), 'x-krafter-signature': 'sha256=00' } },
    ['x-krafter'],
  ],
  ['another id', { headers: { ...signed(), 'webhook-id': 'msg_2' } }, ['webhook-signature']],
  ['a timestamp that is too old', { headers: signed(now - 301) }, ['webhook-signature']],
  [
    'a timestamp that is none',
    { headers: { ...signed(), 'webhook-timestamp': 'now' } },
    ['webhook-signature'],
  ],
])('refuses %s', (_, change, named) => {
  const problems = webhookProblems(secret, { headers: signed(), body, ...change }, now)
  expect(problems).toHaveLength(named.length)
  for (const [index, name] of named.entries()) expect(problems[index]).toContain(name)
})
