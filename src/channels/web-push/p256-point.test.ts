import { createECDH, ECDH } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isP256Point } from './p256-point.ts'

test('takes what OpenSSL takes for an uncompressed point', () => {
  const point = fc.noShrink(fc.constant(null)).map(() => createECDH('prime256v1').generateKeys())
  const change = fc.tuple(fc.nat(64), fc.nat(255)).filter(([at]) => at > 0)
  fc.assert(
    fc.property(point, fc.option(change), (bytes, changed) => {
      if (changed) bytes[changed[0]] = changed[1]
      expect(isP256Point(bytes)).toBe(isTakenByOpenSsl(bytes))
    }),
  )
})

test.each([
  ['infinity', Buffer.alloc(65)],
  ['a compressed point', Buffer.concat([Buffer.from([2]), Buffer.alloc(64, 1)])],
  ['zero', Buffer.from([4, ...Buffer.alloc(64)])],
  ['what is too short', createECDH('prime256v1').generateKeys().subarray(0, 64)],
])('does not take %s', (_, bytes) => {
  expect(isP256Point(bytes)).toBe(false)
})

test('does not take a coordinate twice: as it is, and with the prime added', () => {
  // x = 5 is on the curve; so would be x = 5 + prime, if it were not reduced.
  const compressed = Buffer.from([2, ...Buffer.alloc(31), 5])
  const point = ECDH.convertKey(compressed, 'prime256v1', undefined, undefined, 'uncompressed') as Buffer
  expect(isP256Point(point)).toBe(true)
  const beyond = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn + 5n
  const other = Buffer.concat([Buffer.from([4]), Buffer.from(beyond.toString(16), 'hex'), point.subarray(33)])
  expect(isP256Point(other)).toBe(false)
})

function isTakenByOpenSsl(bytes: Uint8Array): boolean {
  try {
    ECDH.convertKey(bytes, 'prime256v1')
    return true
  } catch {
    return false
  }
}
