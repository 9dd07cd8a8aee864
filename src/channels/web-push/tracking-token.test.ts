import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../../test/support/any-character.ts'
import { createTokenSigner, readToken, tokenLength, userEpochs } from './tracking-token.ts'

const key = Buffer.alloc(32, 7)
const ids = fc.record({
  appId: fc.uuid(),
  notificationId: fc.uuid(),
  subscriberId: fc.uuid(),
  userEpoch: fc.integer({ min: 0, max: userEpochs - 1 }),
})
type Ids = typeof ids extends fc.Arbitrary<infer T> ? T : never
const makeToken = (given: Ids, by = key) =>
  createTokenSigner(by, given)(given.subscriberId, given.userEpoch).toString()

const fixedIds: Ids = {
  appId: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
  notificationId: '01996d62-b8f1-7d20-a3c6-41e5f7082d94',
  subscriberId: '01996d61-77d0-7c35-b1f4-90a3e2d6c853',
  userEpoch: 0,
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

describe('a tracking token', () => {
  test('says whose it is, in 84 characters that need no escaping', () => {
    fc.assert(
      fc.property(ids, (given) => {
        const token = makeToken(given)
        expect(token).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(token).toHaveLength(tokenLength)
        expect(readToken([key], token)).toEqual(given)
      }),
    )
  })

  test('is refused with any character changed', () => {
    fc.assert(
      fc.property(
        ids,
        fc.nat(tokenLength - 1),
        fc.oneof(fc.constantFrom(...alphabet), fc.string({ unit: anyCharacter, minLength: 0, maxLength: 2 })),
        (given, at, other) => {
          const token = makeToken(given)
          const changed = token.slice(0, at) + other + token.slice(at + 1)
          fc.pre(changed !== token)
          expect(readToken([key], changed)).toBeUndefined()
        },
      ),
    )
  })

  test('is refused with any bit of its bytes changed', () => {
    const bytes = (tokenLength * 6) / 8
    fc.assert(
      fc.property(ids, fc.nat(bytes * 8 - 1), (given, bit) => {
        const token = Buffer.from(makeToken(given), 'base64url')
        token[bit >> 3]! ^= 1 << (bit & 7)
        expect(readToken([key], token.toString('base64url'))).toBeUndefined()
      }),
    )
  })

  test('is refused in parts put together from two', () => {
    fc.assert(
      fc.property(ids, ids, fc.integer({ min: 1, max: tokenLength - 1 }), (one, other, cut) => {
        const mixed = makeToken(one).slice(0, cut) + makeToken(other).slice(cut)
        fc.pre(mixed !== makeToken(one) && mixed !== makeToken(other))
        expect(readToken([key], mixed)).toBeUndefined()
      }),
    )
  })

  test('is refused when it is none at all', () => {
    fc.assert(fc.property(fc.string(), (text) => readToken([key], text) === undefined))
    expect(readToken([key], '+'.repeat(tokenLength))).toBeUndefined()
  })

  test('is good for every key there is, and for no other', () => {
    fc.assert(
      fc.property(ids, (given) => {
        const [old, other] = [randomBytes(32), randomBytes(32)]
        expect(readToken([key, old], makeToken(given, old))).toEqual(given)
        expect(readToken([key, old], makeToken(given, other))).toBeUndefined()
        expect(readToken([], makeToken(given))).toBeUndefined()
      }),
    )
  })

  test('of another version is refused, even when its signature is ours', () => {
    const signedBytes = 1 + 3 * 16
    const withVersion = (version: number) => {
      const token = Buffer.from(makeToken(fixedIds), 'base64url')
      token[0] = version
      const mac = createHmac('sha256', key).update(token.subarray(0, signedBytes)).digest()
      mac.copy(token, signedBytes, 0, token.length - signedBytes)
      return token.toString('base64url')
    }
    expect(readToken([key], withVersion(1))).toEqual(fixedIds)
    expect(readToken([key], withVersion(0xf1))).toEqual({ ...fixedIds, userEpoch: 15 })
    for (const version of [0, 2, 255]) expect(readToken([key], withVersion(version))).toBeUndefined()
  })
})
