import { expect, test } from 'vitest'
import webPush from 'web-push'
import { vapidProblem } from './verify-vapid.ts'

const origin = 'https://push.example'
const keys = webPush.generateVAPIDKeys()
const other = webPush.generateVAPIDKeys()
const now = Math.floor(Date.now() / 1_000)
const subscription = { applicationServerKey: keys.publicKey, origin }

/** As the common library makes it. */
function header({ audience = origin, subject = 'mailto:a@b.example', from = keys, exp = now + 3_600 } = {}) {
  const made = webPush.getVapidHeaders(audience, subject, from.publicKey, from.privateKey, 'aes128gcm', exp)
  return made.Authorization
}

test('takes what the common library makes', () => {
  expect(vapidProblem(header(), subscription, now)).toBeUndefined()
})

test('takes the parameters in any order', () => {
  const [, token, key] = /^vapid (t=\S+), (k=\S+)$/.exec(header())!
  expect(vapidProblem(`vapid ${key}, ${token}`, subscription, now)).toBeUndefined()
})

test.each([
  ['no header', undefined, 'no VAPID token'],
  ['another scheme', 'Bearer x', 'no VAPID token'],
  ['another app', header({ from: other }), 'not that of the subscription'],
  ['another service', header({ audience: 'https://other.example' }), 'for https://other.example'],
  ['a changed token', header().replace('.', '.A'), 'signature'],
  ['the key of another pair', header({ from: { ...other, publicKey: keys.publicKey } }), 'signature'],
])('refuses %s', (_, authorization, named) => {
  expect(vapidProblem(authorization, subscription, now)).toContain(named)
})

test('refuses a token that has expired or lives for more than a day', () => {
  expect(vapidProblem(header(), subscription, now + 3_601)).toContain('expired')
  expect(vapidProblem(header(), subscription, now - 86_400)).toContain('24 hours')
})
