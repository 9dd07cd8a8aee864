import { createECDH, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { decrypt } from 'http_ece'
import { describe, expect, test } from 'vitest'
import {
  encrypt as encryptAgreed,
  maxPlaintextBytes,
  PayloadTooLargeError,
  parseSubscriptionKeys,
  type SubscriptionKeys,
} from './encrypt.ts'
import { agreeKeys } from './key-agreement.ts'

const bytes = (text: string) => Buffer.from(text, 'base64url')

// RFC 8291 §5 and appendix A.
const vector = {
  plaintext: 'V2hlbiBJIGdyb3cgdXAsIEkgd2FudCB0byBiZSBhIHdhdGVybWVsb24',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  salt: 'DGv6ra1nlYgDCS1FRnbzlw',
  receiverPublicKey:
    'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  senderPrivateKey: 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
  body: 'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
}

function encrypt(plaintext: Uint8Array, keys: SubscriptionKeys): Buffer {
  return encryptAgreed(plaintext, keys, agreeKeys([keys.p256dh])[0]!)
}

function subscriber() {
  const pair = createECDH('prime256v1')
  pair.generateKeys()
  return { pair, p256dh: pair.getPublicKey(), auth: randomBytes(16) }
}

describe('encrypt', () => {
  test('makes the body of RFC 8291, appendix A', () => {
    const sender = createECDH('prime256v1')
    sender.setPrivateKey(bytes(vector.senderPrivateKey))
    const p256dh = bytes(vector.receiverPublicKey)
    const agreement = { publicKey: sender.getPublicKey(), secret: sender.computeSecret(p256dh) }
    const keys = { p256dh, auth: bytes(vector.auth) }
    const body = encryptAgreed(bytes(vector.plaintext), keys, agreement, bytes(vector.salt))
    expect(body.toString('base64url')).toBe(vector.body)
  })

  test('makes what an independent implementation decrypts, for any payload', () => {
    const { pair, p256dh, auth } = subscriber()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: maxPlaintextBytes, size: 'max' }), (payload) => {
        const body = encrypt(payload, { p256dh, auth })
        const params = { version: 'aes128gcm', privateKey: pair, authSecret: auth.toString('base64url') }
        return body.length === payload.length + 103 && decrypt(body, params).equals(payload)
      }),
    )
  })

  test('uses a salt and a key pair once', () => {
    const keys = subscriber()
    const headers = Array.from({ length: 50 }, () => encrypt(Buffer.from('x'), keys).subarray(0, 86))
    expect(new Set(headers.map((header) => header.toString('hex', 0, 16))).size).toBe(50)
    expect(new Set(headers.map((header) => header.toString('hex', 21))).size).toBe(50)
  })

  test('takes 3993 bytes, which make a body of 4096, and not one more', () => {
    expect(encrypt(Buffer.alloc(maxPlaintextBytes), subscriber())).toHaveLength(4_096)
    expect(() => encrypt(Buffer.alloc(maxPlaintextBytes + 1), subscriber())).toThrow(PayloadTooLargeError)
  })
})

describe('parseSubscriptionKeys', () => {
  const { p256dh, auth } = subscriber()

  test('reads base64url with and without padding, and plain base64', () => {
    const expected = { ok: true, keys: { p256dh, auth } }
    expect(parseSubscriptionKeys(p256dh.toString('base64url'), auth.toString('base64url'))).toEqual(expected)
    expect(parseSubscriptionKeys(p256dh.toString('base64'), auth.toString('base64'))).toEqual(expected)
    const padded = (key: Buffer) => key.toString('base64').replaceAll('+', '-').replaceAll('/', '_')
    expect(parseSubscriptionKeys(padded(p256dh), padded(auth))).toEqual(expected)
  })

  const offCurve = Buffer.from(p256dh)
  offCurve[64]! ^= 1
  test.each([
    ['empty', ''],
    ['no base64', `${p256dh.toString('base64url').slice(0, -1)}!`],
    ['too short', p256dh.subarray(0, 64).toString('base64url')],
    ['too long', Buffer.concat([p256dh, Buffer.alloc(1)]).toString('base64url')],
    ['compressed', Buffer.concat([Buffer.from([2]), p256dh.subarray(1, 33)]).toString('base64url')],
    ['not on the curve', offCurve.toString('base64url')],
    ['zero', Buffer.concat([Buffer.from([4]), Buffer.alloc(64)]).toString('base64url')],
  ])('refuses a p256dh that is %s', (_, text) => {
    expect(parseSubscriptionKeys(text, auth.toString('base64url'))).toMatchObject({
      ok: false,
      field: 'p256dh',
    })
  })

  test.each(['', 'AAAA', randomBytes(17).toString('base64url'), 'not base64!'])(
    'refuses the auth "%s"',
    (text) => {
      expect(parseSubscriptionKeys(p256dh.toString('base64url'), text)).toMatchObject({
        ok: false,
        field: 'auth',
      })
    },
  )

  test('never throws, and accepts only what can be encrypted for', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.uint8Array({ minLength: 65, maxLength: 65 })), (text) => {
        const key = typeof text === 'string' ? text : Buffer.from(text).toString('base64url')
        const parsed = parseSubscriptionKeys(key, auth.toString('base64url'))
        return !parsed.ok || encrypt(Buffer.from('x'), parsed.keys).length === 104
      }),
    )
  })
})
