import { createECDH } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }
import { type AgreeKeys, agreeKeys } from './key-agreement.ts'
import { openAgreement } from './openssl-agreement.ts'

const openssl = openAgreement()

test('OpenSSL is called directly on the Node that the checkout pins', () => {
  expect(openssl !== null).toBe(process.version === `v${manifest.devDependencies.node}`)
})

const ways: [string, AgreeKeys][] = [
  ['node:crypto', agreeKeys],
  ...(openssl ? [['OpenSSL', openssl] as [string, AgreeKeys]] : []),
]

describe.each(ways)('agreement by %s', (_, agree) => {
  test('comes to the secret of the recipient, with a new key pair for each', () => {
    const recipients = Array.from({ length: 500 }, () => {
      const pair = createECDH('prime256v1')
      return { pair, publicKey: pair.generateKeys() }
    })
    const agreements = agree([...recipients, ...recipients].map(({ publicKey }) => publicKey))
    const secrets = agreements.map((agreement, i) =>
      recipients[i % 500]!.pair.computeSecret(agreement!.publicKey),
    )
    expect(agreements.map((agreement) => Buffer.from(agreement!.secret))).toEqual(secrets)
    expect(
      new Set(agreements.map((agreement) => Buffer.from(agreement!.publicKey).toString('hex'))).size,
    ).toBe(1_000)
  })

  const valid = createECDH('prime256v1').generateKeys()
  const offCurve = Buffer.from(valid)
  offCurve[64]! ^= 1
  test.each([
    ['not on the curve', offCurve],
    ['infinity', Buffer.alloc(65)],
    ['zero', Buffer.concat([Buffer.from([4]), Buffer.alloc(64)])],
    ['beyond the field', Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 0xff)])],
    ['too short', valid.subarray(0, 64)],
    ['too long', Buffer.concat([valid, Buffer.alloc(1)])],
    ['empty', Buffer.alloc(0)],
  ])('refuses a point that is %s, and only that', (_, point) => {
    expect(agree([valid, point, valid]).map((agreement) => agreement !== null)).toEqual([true, false, true])
  })
})
