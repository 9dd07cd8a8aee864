import { expect, test } from 'vitest'
import { pushServiceAt } from './push-service.ts'
import { requestHeaders } from './request-headers.ts'

test.each([
  ['web.push.apple.com', 'apple'],
  ['push.apple.com', 'apple'],
  ['wns2-par02p.notify.windows.com', 'wns'],
  ['updates.push.services.mozilla.com', 'other'],
  ['fcm.googleapis.com', 'other'],
  ['push.apple.com.example', 'other'],
  ['notpush.apple.com', 'other'],
  ['xnotify.windows.com', 'other'],
])('%s is %s', (hostname, service) => {
  expect(pushServiceAt(hostname)).toBe(service)
})

const push = { ttlSeconds: 60, urgency: 'high' as const, topic: 'spike' }

test('a push service is told what RFC 8030 asks for', () => {
  expect(requestHeaders(push, 'other', 'vapid t=…')).toEqual({
    ttl: '60',
    urgency: 'high',
    topic: 'spike',
    'content-encoding': 'aes128gcm',
    'content-type': 'application/octet-stream',
    authorization: 'vapid t=…',
  })
  expect(requestHeaders({ ...push, topic: null }, 'apple', '')).not.toHaveProperty('topic')
})

test('WNS is told to cache as the time to live says', () => {
  const policy = 'x-wns-cache-policy'
  expect(requestHeaders({ ...push, ttlSeconds: 0 }, 'wns', '')).toMatchObject({
    ttl: '0',
    [policy]: 'no-cache',
  })
  expect(requestHeaders({ ...push, ttlSeconds: 1 }, 'wns', '')).toMatchObject({ ttl: '1', [policy]: 'cache' })
  expect(requestHeaders({ ...push, ttlSeconds: 0 }, 'apple', '')).not.toHaveProperty(policy)
})

test('Apple is given a topic that it takes', () => {
  expect(requestHeaders(push, 'apple', '').topic).toMatch(/^[A-Za-z0-9_-]{32}$/)
})
