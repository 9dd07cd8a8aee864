import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder, type TestStorage } from '../../test/support/backends.ts'
import { type Received, type Receiver, startReceiver } from '../../test/support/receiver.ts'
import { startTestService, type TestService } from '../../test/support/service.ts'
import { type RawBody, verify, verifyBatch, verifyKrafterSignature, type WebhookHeaders } from './index.ts'

let storage: TestStorage
let running: TestService
let receiver: Receiver

beforeAll(async () => {
  storage = makeDataFolder()
  ;[running, receiver] = await Promise.all([startTestService(storage), startReceiver()])
})

afterAll(async () => {
  await running?.stop()
  await receiver?.stop()
  await storage?.drop()
})

/** Sends a notification to nobody, and gives what a webhook with this secret received of it. */
async function receive(
  path: string,
  secret: string | undefined,
): Promise<{ data: object; delivery: Received }> {
  const { api } = running
  const { body: app } = await api.post('/push/apps', { name: 'My shop' })
  const base = `/push/apps/${app.data.id}`
  const url = `${receiver.origin}${path}`
  await api.post(`${base}/webhooks`, { url, events: ['notification.sent'], secret })
  const sent = await api.post(`${base}/notifications`, { title: 'Schöne Grüße 🚀' })
  const [delivery] = await receiver.waitFor(1, path)
  const data = {
    notification_id: sent.body.data.id,
    app_id: app.data.id,
    title: 'Schöne Grüße 🚀',
    sent_count: 0,
    failed_count: 0,
  }
  return { data, delivery: delivery! }
}

test.each([
  ['whsec_', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ['text', 'ein Schlüssel, wie er dasteht'],
])('what the service delivers verifies with a secret that is %s', async (name, secret) => {
  const { data, delivery } = await receive(`/${name}`, secret)
  const { body, headers } = delivery
  const plain = Object.entries(headers).filter(
    ([name, value]) => !name.startsWith(':') && typeof value === 'string',
  )
  const fetched = new Headers(plain as [string, string][])
  const forms: [RawBody, WebhookHeaders][] = [
    [body, headers],
    [body.toString(), fetched],
    [new Uint8Array(body).buffer, fetched],
  ]
  for (const [rawBody, given] of forms) {
    const event = await verify(rawBody, given, ['the next one', secret])
    expect(event).toMatchObject({ id: headers['webhook-id'], event: 'notification.sent', data })
    expect(event).toEqual(JSON.parse(body.toString()))
    expect(await verifyBatch(rawBody, given, secret)).toEqual([event])
  }
  expect(await verifyKrafterSignature(body, headers['x-krafter-signature'], secret)).toBe(true)
  await expect(verify(body, headers, `${secret}.`)).rejects.toMatchObject({ code: 'invalid_signature' })
  expect(await verifyKrafterSignature(body, headers['x-krafter-signature'], `${secret}.`)).toBe(false)
})

test('what the service delivers unsigned, for want of a secret, does not verify', async () => {
  const { delivery } = await receive('/unsigned', undefined)
  await expect(verify(delivery.body, delivery.headers, 'any')).rejects.toMatchObject({
    code: 'missing_header',
  })
  const header = delivery.headers['x-krafter-signature']
  expect(await verifyKrafterSignature(delivery.body, header, 'any')).toBe(false)
})
