import { createECDH, createPublicKey, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { generateVapidKeys, type VapidKeys } from './vapid-keys.ts'
import { createVapidSigner, maxCachedTokens } from './vapid-signer.ts'

function parse(authorization: string) {
  const [, token, key] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(authorization)!
  const [header, claims, signature] = token!.split('.')
  const json = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  return {
    key: key!,
    header: json(header!),
    claims: json(claims!),
    signed: `${header}.${claims}`,
    signature: signature!,
  }
}

function verifies({ key, signed, signature }: ReturnType<typeof parse>): boolean {
  const point = Buffer.from(key, 'base64url')
  const x = point.toString('base64url', 1, 33)
  const y = point.toString('base64url', 33)
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
  const options = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  return verify('sha256', Buffer.from(signed), options, Buffer.from(signature, 'base64url'))
}

test('the check used here accepts the example of RFC 8292 §2.4', () => {
  const example = parse(
    'vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs',
  )
  expect(verifies(example)).toBe(true)
  expect(verifies({ ...example, signed: `${example.signed}x` })).toBe(false)
})

test('makes key pairs that belong together, 65 and 32 bytes', () => {
  for (let i = 0; i < 600; i++) {
    const { publicKey, privateKey } = generateVapidKeys()
    const pair = createECDH('prime256v1')
    pair.setPrivateKey(privateKey)
    expect(privateKey).toHaveLength(32)
    expect(pair.getPublicKey('base64url')).toBe(publicKey)
  }
})

const toCredential = ({ publicKey, privateKey }: VapidKeys) => ({
  publicPart: publicKey,
  readSecret: () => privateKey,
})

describe('tokens', () => {
  const keys = generateVapidKeys()
  const start = Date.parse('2025-06-01T08:00:00.900Z')

  function signerAt() {
    const clock = { time: start, now: () => new Date(clock.time) }
    const signer = createVapidSigner(clock, 'mailto:push@example.com')
    const sign = (origin = 'https://push.example.net') => signer.authorization(toCredential(keys), origin)
    return { clock, signer, sign }
  }

  test('carry the claims of RFC 8292 and verify with the key they name', () => {
    const token = parse(signerAt().sign('https://push.example.net:8443'))
    expect(token.header).toEqual({ typ: 'JWT', alg: 'ES256' })
    expect(token.claims).toEqual({
      aud: 'https://push.example.net:8443',
      exp: Math.floor(start / 1_000) + 12 * 3_600,
      sub: 'mailto:push@example.com',
    })
    expect(token.key).toBe(keys.publicKey)
    expect(verifies(token)).toBe(true)
  })

  test('are used again for ten hours, per app and push service', () => {
    const { clock, signer, sign } = signerAt()
    const first = sign()
    clock.time = start + 10 * 3_600_000 - 1
    expect(sign()).toBe(first)
    expect(sign('https://other.example')).not.toBe(first)
    const other = generateVapidKeys()
    const others = signer.authorization(toCredential(other), 'https://push.example.net')
    expect(parse(others).key).toBe(other.publicKey)
    clock.time = start + 10 * 3_600_000
    expect(parse(sign()).claims.exp).toBe(parse(first).claims.exp + 10 * 3_600)
  })

  test('are made anew when the clock was set back', () => {
    const { clock, sign } = signerAt()
    const first = sign()
    clock.time = start - 24 * 3_600_000
    expect(sign()).not.toBe(first)
  })

  test('are kept in a bounded number, the longest unused going first', () => {
    const { sign } = signerAt()
    const kept = sign('https://kept.example')
    const dropped = sign('https://dropped.example')
    sign('https://kept.example')
    for (let i = 0; i < maxCachedTokens - 1; i++) {
      sign(`https://${i}.example`)
    }
    expect(sign('https://kept.example')).toBe(kept)
    expect(sign('https://dropped.example')).not.toBe(dropped)
  })

  test('are signed with a private key that is read only to sign', () => {
    const { signer } = signerAt()
    let reads = 0
    const readSecret = () => {
      reads += 1
      return keys.privateKey
    }
    const sign = () => signer.authorization({ publicPart: keys.publicKey, readSecret }, 'https://a.example')
    expect(sign()).toBe(sign())
    expect(reads).toBe(1)
  })

  test('are refused for keys that are no pair', () => {
    const { signer } = signerAt()
    expect(() =>
      signer.authorization(toCredential({ ...keys, publicKey: 'nonsense' }), 'https://a.example'),
    ).toThrow()
  })
})
