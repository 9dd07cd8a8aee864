import { expect, test } from 'vitest'
import { readConfig } from '../../config/config.ts'
import { isPushHost } from './public-request.ts'

const { publicPushHosts } = readConfig({})

test.each([
  'https://fcm.googleapis.com/fcm/send/abc',
  'https://FCM.googleapis.com/wp/abc',
  'https://updates.push.services.mozilla.com/wpush/v2/abc',
  'https://wns2-par02p.notify.windows.com/w/?token=abc',
  'https://web.push.apple.com/abc',
])('%s is at a push service of today', (endpoint) => {
  expect(isPushHost(publicPushHosts, endpoint)).toBe(true)
})

test.each([
  'https://shop.example/fcm.googleapis.com',
  'https://fcm.googleapis.com.evil.example/',
  'https://fcm.googleapis.com@evil.example/',
  'https://evilpush.apple.com/',
  'https://push.apple.com/',
  'no URL',
])('%s is at none', (endpoint) => {
  expect(isPushHost(publicPushHosts, endpoint)).toBe(false)
})

test('an operator may name others, or allow any', () => {
  expect(isPushHost(['push.example'], 'https://push.example/a')).toBe(true)
  expect(isPushHost(['push.example'], 'https://fcm.googleapis.com/a')).toBe(false)
  expect(isPushHost(['*'], 'https://anywhere.example/a')).toBe(true)
})
