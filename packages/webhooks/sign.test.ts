import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { signatureHeaders } from '../../src/deliveries/attempt/sign.ts'
import {
  type EventToSign,
  sign,
  signRequest,
  verify,
  verifyBatch,
  verifyKrafterSignature,
  verifyRequest,
  verifyRequestBatch,
} from './index.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const now = () => new Date('2026-06-01T08:00:00.999Z')
const event: EventToSign = {
  event: 'subscriber.registered',
  data: { app_id: 'app', subscriber_id: 'subscriber', user_id: null, platform: 'web' },
}

describe('sign', () => {
  test('signs as the service does', async () => {
    for (const one of [secret, 'ein Schlüssel, wie er dasteht']) {
      const { body, headers } = await sign(event, one, { now })
      const content = { messageId: headers['webhook-id']!, timestampSeconds: 1_780_300_800, body }
      const byService = signatureHeaders({ secret: one, previousSecret: null, ed25519: null }, content)
      expect(headers).toMatchObject({ ...byService, 'x-krafter-event': 'subscriber.registered' })
    }
  })

  test('another library takes it', async () => {
    const { body, headers } = await sign(event, secret)
    expect(new Webhook(secret).verify(body, headers)).toMatchObject(event)
  })

  test('makes the id and the timestamp that are absent', async () => {
    const { body, headers } = await sign(event, secret, { now })
    const verified = await verify(body, headers, secret, { now })
    expect(verified).toEqual({ ...event, id: headers['webhook-id'], timestamp: '2026-06-01T08:00:00Z' })
    const given = { ...event, id: 'given', timestamp: '2025-01-01T00:00:00Z' }
    const again = await sign(given, secret, { now })
    expect(await verify(again.body, again.headers, secret, { now })).toEqual(given)
    expect(again.headers['webhook-id']).toBe('given')
  })

  test('a batch has an id of its own, and each event its own', async () => {
    const { body, headers } = await sign([event, event], secret)
    const events = await verifyBatch(body, headers, secret)
    expect(new Set([headers['webhook-id'], ...events.map(({ id }) => id)]).size).toBe(3)
    expect(headers).toMatchObject({ 'x-krafter-event': 'batch', 'x-krafter-batch': '2' })
  })

  test('several secrets sign all, Ed25519 among them', async () => {
    const privateKey = `whsk_${Buffer.alloc(32, 0xcd).toString('base64')}`
    const publicKey = 'whpk_/JR3MPSesBQnpm4FBzMpTZ5SDlRceicSWngGNOCGCic='
    const { body, headers } = await sign(event, [privateKey, secret])
    expect(await verify(body, headers, publicKey)).toMatchObject(event)
    expect(await verify(body, headers, secret)).toMatchObject(event)
    expect(await verifyKrafterSignature(body, headers['x-krafter-signature'], secret)).toBe(true)
  })

  test.each(['', 'whpk_/JR3MPSesBQnpm4FBzMpTZ5SDlRceicSWngGNOCGCic=', 'whsk_AAAA'])(
    'the secret %j cannot sign',
    async (unfit) => {
      await expect(sign(event, unfit)).rejects.toMatchObject({ code: 'invalid_secret' })
    },
  )
})

describe('verifyRequest', () => {
  const url = 'https://shop.example/hooks'

  test('reads and verifies a request', async () => {
    expect(await verifyRequest(await signRequest(url, event, secret), secret)).toMatchObject(event)
    await expect(verifyRequest(await signRequest(url, event, 'another'), secret)).rejects.toMatchObject({
      code: 'invalid_signature',
    })
  })

  test('a batch is for verifyRequestBatch', async () => {
    const batch = () => signRequest(url, [event], secret)
    expect(await verifyRequestBatch(await batch(), secret)).toMatchObject([event])
    await expect(verifyRequest(await batch(), secret)).rejects.toMatchObject({ code: 'batch' })
  })

  test('a body that was read before is the own fault', async () => {
    const request = await signRequest(url, event, secret)
    await request.json()
    await expect(verifyRequest(request, secret)).rejects.toMatchObject({ code: 'body_used' })
  })

  test('a long body is refused, whether its length is declared or not', async () => {
    const long = 'x'.repeat(1_048_577)
    const { headers } = await sign(long, secret)
    const declared = new Request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': '1048577' },
      body: '{}',
    })
    await expect(verifyRequest(declared, secret)).rejects.toMatchObject({ code: 'too_large' })
    let pulled = 0
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled += 65_536
        controller.enqueue(new Uint8Array(65_536))
      },
    })
    const streamed = new Request(url, {
      method: 'POST',
      headers,
      body: endless,
      duplex: 'half',
    } as RequestInit)
    await expect(verifyRequest(streamed, secret)).rejects.toMatchObject({ code: 'too_large' })
    expect(pulled).toBeLessThan(1_500_000)
    const short = await signRequest(url, event, secret)
    await expect(verifyRequest(short, secret, { maxBodyBytes: 10 })).rejects.toMatchObject({
      code: 'too_large',
    })
  })

  test('a request without a body is no event', async () => {
    const { headers } = await sign('', secret)
    await expect(verifyRequest(new Request(url, { headers }), secret)).rejects.toMatchObject({
      code: 'invalid_body',
    })
  })
})
