import { expect, test } from 'vitest'
import { fallbackVapidSubject, vapidSubjectFrom, vapidSubjectProblem } from './vapid-subject.ts'

test.each([
  'mailto:ops@shop.example',
  'mailto:ops@shop.example?subject=push',
  'https://shop.example',
  'https://shop.example/contact',
  'https://local.example',
  'mailto:localhost@shop.example',
])('%s is a contact', (subject) => {
  expect(vapidSubjectProblem(subject)).toBeUndefined()
})

test.each([
  'mailto:ops@localhost',
  'mailto:ops@LOCALHOST',
  'mailto:ops@mail.localhost',
  'mailto:ops@shop.local',
  'mailto:ops@shop.local.',
  'mailto:ops@shop.invalid?subject=push',
  'mailto:ops@server',
  'https://localhost:8080',
  'https://push.local/contact',
  'https://127.0.0.1',
  'https://[::1]',
  fallbackVapidSubject,
])('%s is refused, as Apple does', (subject) => {
  expect(vapidSubjectProblem(subject)).toBe(
    'must name a public domain: Apple refuses localhost, .local and .invalid',
  )
})

test.each(['ops@shop.example', 'mailto:', 'mailto:ops', 'http://shop.example', 'https://', 'tel:1'])(
  '%s is none',
  (subject) => {
    expect(vapidSubjectProblem(subject)).toBe('must be a mailto: address or an https:// URL')
  },
)

test.each([
  ['https://push.shop.example', 'https://push.shop.example'],
  ['http://push.shop.example', undefined],
  ['https://localhost', undefined],
  ['https://push.local', undefined],
  [undefined, undefined],
])('the public URL %s makes %s', (publicUrl, subject) => {
  expect(vapidSubjectFrom(publicUrl)).toBe(subject)
})
