import { createHmac, createPublicKey, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { verify as verifyWithOurLibrary } from '../../packages/webhooks/index.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { emit } from '../support/database.ts'
import { type Received, type Receiver, respond } from '../support/receiver.ts'
import type { TestService } from '../support/service.ts'
import { useStage } from '../support/stage.ts'

const first = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

describeOnEachBackend('secrets of a webhook', (make) => {
  const stage = useStage(make)
  let running: TestService
  let receiver: Receiver
  let appId: string

  beforeAll(() => {
    ;({ running, receiver } = stage)
  })

  beforeEach(async () => {
    running.clock.ahead = 0
    receiver.requests.length = 0
    receiver.answer = respond(204)
    appId = (await running.api.post('/push/apps', { name: 'secrets' })).body.data.id
  })

  const makeWebhook = async (settings: Record<string, unknown>) => {
    const body = { url: `${receiver.origin}/hook`, events: ['notification.sent'], ...settings }
    const answer = await running.api.post(`/push/apps/${appId}/webhooks`, body)
    return { answer, path: `/push/apps/${appId}/webhooks/${answer.body.data?.id}` }
  }
  const deliver = async (): Promise<Received> => {
    receiver.requests.length = 0
    await emit(running.service, appId)
    return (await receiver.waitFor(1))[0]!
  }
  const isSignedBy = ({ body, headers }: Received, secret: string, signature: string) => {
    const given = { ...(headers as Record<string, string>), 'webhook-signature': signature }
    try {
      new Webhook(secret).verify(body, given)
      return true
    } catch {
      return false
    }
  }
  const plain = (secret: string, body: Buffer) =>
    `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`

  test('a rotated secret signs beside the one before it, until that expires', async () => {
    const { path } = await makeWebhook({ secret: first })
    const rotated = await running.api.post(`${path}/rotate-secret`, { overlap_seconds: 600 })
    expect(rotated.status).toBe(200)
    const second = rotated.body.data.secret
    expect(second).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    const until = new Date(rotated.body.data.previous_secret_expires_at).getTime()
    expect(Math.abs(until - Date.now() - 600_000)).toBeLessThan(60_000)
    expect(JSON.stringify((await running.api.get(path)).body)).not.toContain(second)

    const during = await deliver()
    const [one, other, ...more] = String(during.headers['webhook-signature']).split(' ')
    expect(more).toEqual([])
    expect(isSignedBy(during, second, one!)).toBe(true)
    expect(isSignedBy(during, first, other!)).toBe(true)
    expect(isSignedBy(during, first, one!)).toBe(false)
    expect(during.headers['x-krafter-signature']).toBe(plain(second, during.body))
    expect(during.headers['x-krafter-signature-previous']).toBe(plain(first, during.body))

    running.clock.ahead = 601_000
    const after = await deliver()
    expect(String(after.headers['webhook-signature']).split(' ')).toHaveLength(1)
    expect(after.headers['x-krafter-signature']).toBe(plain(second, after.body))
    expect(after.headers['x-krafter-signature-previous']).toBeUndefined()
  })

  test('a given secret is taken; without an overlap the one before it is gone at once', async () => {
    const { path } = await makeWebhook({ secret: first })
    const rotated = await running.api.post(`${path}/rotate-secret`, {
      secret: 'my own',
      overlap_seconds: 0,
    })
    expect(rotated.body.data).toMatchObject({ secret: 'my own', previous_secret_expires_at: null })
    const request = await deliver()
    expect(request.headers['x-krafter-signature']).toBe(plain('my own', request.body))
    expect(request.headers['x-krafter-signature-previous']).toBeUndefined()
  })

  test('a webhook without a secret gets its first by rotation', async () => {
    const { path } = await makeWebhook({})
    const rotated = await running.api.post(`${path}/rotate-secret`, {})
    expect(rotated.body.data.previous_secret_expires_at).toBeNull()
    const request = await deliver()
    expect(isSignedBy(request, rotated.body.data.secret, String(request.headers['webhook-signature']))).toBe(
      true,
    )
  })

  test('a secret set or removed by PATCH ends the overlap', async () => {
    const { path } = await makeWebhook({ secret: first })
    await running.api.post(`${path}/rotate-secret`, {})
    const removed = await running.api.patch(path, { secret: null })
    expect(removed.body.data.previous_secret_expires_at).toBeNull()
    const request = await deliver()
    expect(request.headers['webhook-signature']).toBeUndefined()
    expect(request.headers['x-krafter-signature-previous']).toBeUndefined()
  })

  test('whatever is encrypted for a webhook can be used, however its id was spelt', async () => {
    const { answer } = await makeWebhook({})
    const upper = `/push/apps/${appId.toUpperCase()}/webhooks/${answer.body.data.id.toUpperCase()}`
    const settings = { secret: first, headers: { 'x-token': 'mine' }, signature: 'ed25519' }
    expect((await running.api.patch(upper, settings)).status).toBe(200)
    const patched = await deliver()
    expect(patched.headers['x-token']).toBe('mine')
    const schemes = String(patched.headers['webhook-signature']).split(' ')
    expect(schemes.map((each) => each.split(',')[0])).toEqual(['v1', 'v1a'])
    expect(isSignedBy(patched, first, schemes[0]!)).toBe(true)

    const rotated = await running.api.post(`${upper}/rotate-secret`, {})
    expect(rotated.body.data.webhook_id).toBe(answer.body.data.id)
    const request = await deliver()
    const [one, other] = String(request.headers['webhook-signature']).split(' ')
    expect(isSignedBy(request, rotated.body.data.secret, one!)).toBe(true)
    expect(isSignedBy(request, first, other!)).toBe(true)
  })

  test.each([
    [{ overlap_seconds: 604_801 }, 'overlap_seconds'],
    [{ overlap_seconds: -1 }, 'overlap_seconds'],
    [{ overlap_seconds: '60' }, 'overlap_seconds'],
    [{ secret: '' }, 'secret'],
    [{ secret: 'x'.repeat(256) }, 'secret'],
    [{ secret: 'whpk_AAAA' }, 'secret'],
  ])('a rotation by %j is refused, and nothing is changed', async (body, field) => {
    const { path } = await makeWebhook({ secret: first })
    const answer = await running.api.post(`${path}/rotate-secret`, body)
    expect(answer.status).toBe(422)
    expect(Object.keys(answer.body.details)).toEqual([field])
    const request = await deliver()
    expect(request.headers['x-krafter-signature']).toBe(plain(first, request.body))
  })

  test('rotation is for those who may write, of webhooks that are theirs', async () => {
    const { path } = await makeWebhook({ secret: first })
    expect((await running.api.withKey(null).post(`${path}/rotate-secret`, {})).status).toBe(401)
    const missing = `/push/apps/${appId}/webhooks/01996d60-5b2e-7a4c-8e0d-2f7c3a9b5d42/rotate-secret`
    expect((await running.api.post(missing, {})).status).toBe(404)
  })

  test('Ed25519 signatures verify with the public key that the API shows', async () => {
    const { answer, path } = await makeWebhook({ signature: 'ed25519' })
    const { public_key: publicKey, signature } = answer.body.data
    expect(signature).toBe('ed25519')
    expect(publicKey).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/)
    const request = await deliver()
    const [scheme, value] = String(request.headers['webhook-signature']).split(',')
    expect(scheme).toBe('v1a')
    const x = Buffer.from(publicKey.slice(5), 'base64').toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    const { 'webhook-id': id, 'webhook-timestamp': timestamp } = request.headers
    const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), request.body])
    expect(verify(null, signed, key, Buffer.from(value!, 'base64'))).toBe(true)
    expect(request.headers['x-krafter-signature']).toBeUndefined()
    await verifyWithOurLibrary(request.body, request.headers, publicKey)

    const kept = await running.api.patch(path, { signature: 'ed25519', description: 'same key' })
    expect(kept.body.data.public_key).toBe(publicKey)
    const back = await running.api.patch(path, { signature: 'hmac' })
    expect(back.body.data.public_key).toBeNull()
    expect((await deliver()).headers['webhook-signature']).toBeUndefined()
  })

  test('with a secret besides, both signatures are there', async () => {
    await makeWebhook({ signature: 'ed25519', secret: first })
    const request = await deliver()
    const schemes = String(request.headers['webhook-signature']).split(' ')
    expect(schemes.map((each) => each.split(',')[0])).toEqual(['v1', 'v1a'])
    new Webhook(first).verify(request.body, request.headers as Record<string, string>)
  })
})
