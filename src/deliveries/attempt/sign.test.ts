import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../../test/support/any-character.ts'
import { standardWebhooksKey } from '../../webhooks/secrets/secret-key.ts'
import { signatureHeaders } from './sign.ts'

const keysOf = (secret: string) => ({ secret, previousSecret: null, ed25519: null })
const now = () => Math.floor(Date.now() / 1_000)

describe('signatureHeaders', () => {
  test('standardwebhooks verifies what is signed with a whsec_ secret, whatever the body', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        fc.string({ unit: anyCharacter }),
        fc.uuid(),
        (bytes, body, eventId) => {
          const secret = `whsec_${Buffer.from(bytes).toString('base64')}`
          const timestampSeconds = now()
          const json = JSON.stringify({ body })
          const headers = signatureHeaders(keysOf(secret), {
            messageId: eventId,
            timestampSeconds,
            body: json,
          })
          new Webhook(secret).verify(json, {
            'webhook-id': eventId,
            'webhook-timestamp': String(timestampSeconds),
            'webhook-signature': headers['webhook-signature']!,
          })
        },
      ),
    )
  })

  test('standardwebhooks verifies any other secret as raw bytes', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.uuid(), (text, eventId) => {
        const secret = `s${text}`
        const timestampSeconds = now()
        const headers = signatureHeaders(keysOf(secret), { messageId: eventId, timestampSeconds, body: '{}' })
        new Webhook(Buffer.from(secret, 'utf8'), { format: 'raw' }).verify('{}', {
          'webhook-id': eventId,
          'webhook-timestamp': String(timestampSeconds),
          'webhook-signature': headers['webhook-signature']!,
        })
      }),
    )
  })

  test('a changed body, id or time does not verify', () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
    const timestampSeconds = now()
    const headers = signatureHeaders(keysOf(secret), { messageId: 'a', timestampSeconds, body: '{}' })
    const signed = { 'webhook-id': 'a', 'webhook-timestamp': String(timestampSeconds), ...headers }
    const judge = new Webhook(secret)
    expect(() => judge.verify('{ }', signed)).toThrow()
    expect(() => judge.verify('{}', { ...signed, 'webhook-id': 'b' })).toThrow()
    expect(() =>
      judge.verify('{}', { ...signed, 'webhook-timestamp': String(timestampSeconds - 1) }),
    ).toThrow()
  })

  test('x-krafter-signature is the hex HMAC of the body by the secret as it stands', () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
    const expected = createHmac('sha256', Buffer.from(secret, 'utf8')).update('{"a":1}').digest('hex')
    const headers = signatureHeaders(keysOf(secret), { messageId: 'a', timestampSeconds: 1, body: '{"a":1}' })
    expect(headers['x-krafter-signature']).toBe(`sha256=${expected}`)
  })
})

describe('standardWebhooksKey', () => {
  test.each([
    ['23 bytes are too few', `whsec_${Buffer.alloc(23).toString('base64')}`],
    ['65 bytes are too many', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['not base64', 'whsec_%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%'],
    ['unpadded base64', `whsec_${Buffer.alloc(32).toString('base64').replace(/=+$/, '')}`],
    ['no prefix', Buffer.alloc(32).toString('base64')],
    ['letters beyond ASCII', 'schlüssel'],
  ])('%s: the UTF-8 bytes of the secret', (_, secret) => {
    expect(standardWebhooksKey(secret)).toEqual(Buffer.from(secret, 'utf8'))
  })

  test.each([24, 64])('%i bytes behind whsec_ are the key', (length) => {
    const key = Buffer.alloc(length, 9)
    expect(standardWebhooksKey(`whsec_${key.toString('base64')}`)).toEqual(key)
  })
})
