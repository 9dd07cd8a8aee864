// A receiver that is an ES module, outside of the checkout.
import assert from 'node:assert/strict'
import { sign, signRequest, verify, verifyRequest, WebhookVerificationError } from '@krafter-push/webhooks'
import { receiveWebhooks as forExpress } from '@krafter-push/webhooks/express'
import { receiveWebhooks as forFastify } from '@krafter-push/webhooks/fastify'
import { receiveWebhooks as forHono } from '@krafter-push/webhooks/hono'
import { receiveWebhooks as forNext } from '@krafter-push/webhooks/next'

const event = { event: 'notification.sent', data: { title: 'Hello' } }
const { body, headers } = await sign(event, 'secret')
assert.equal((await verify(body, headers, 'secret')).data.title, 'Hello')
await assert.rejects(verify(body, headers, 'another'), WebhookVerificationError)
assert.equal(
  (await verifyRequest(await signRequest('https://shop.example', event, 'secret'), 'secret')).event,
  event.event,
)

const titles = []
const handlers = { 'notification.sent': ({ data }) => titles.push(data.title) }
const POST = forNext({ secret: 'secret', handlers })
assert.equal((await POST(await signRequest('https://shop.example', event, 'secret'))).status, 204)
assert.deepEqual(titles, ['Hello'])
assert.deepEqual(
  [forExpress, forFastify, forHono].map((each) => typeof each),
  ['function', 'function', 'function'],
)
