// The main job from an ES module, outside of the checkout, against a service at KRAFTER_PUBLIC_URL.
import assert from 'node:assert/strict'
import { Krafter, NotFoundError } from '@krafter-push/client'

const krafter = new Krafter({ url: process.env.KRAFTER_PUBLIC_URL, apiKey: process.env.KRAFTER_API_KEY })
const app = await krafter.apps.create({ name: `Node ${process.version}` })
const webhook = await krafter.webhooks.create(app.id, {
  url: 'https://receiver.example/hook',
  events: ['notification.sent'],
})
const { promise: opened, resolve: onOpen } = makePromise()
const following = krafter.events.follow(app.id, { onOpen })[Symbol.asyncIterator]()
const first = following.next()
await opened
await krafter.subscribers.register(app.id, {
  platform: 'android',
  token: `c:${'x'.repeat(140)}`,
  user_id: 'user-1',
})
assert.equal((await first).value.event, 'subscriber.registered')
await following.return()
const { id } = await krafter.notifications.create(app.id, {
  title: 'Hello',
  targeting: { type: 'user_ids', ids: ['nobody'] },
})
assert.equal((await krafter.notifications.waitUntilSent(app.id, id)).status, 'sent')
const deliveries = []
for await (const delivery of krafter.deliveries.list(app.id, webhook.id)) deliveries.push(delivery.event)
assert.deepEqual(deliveries, ['notification.sent'])
await krafter.apps.delete(app.id)
await assert.rejects(krafter.apps.read(app.id), NotFoundError)
process.stdout.write(`client, ES module, Node ${process.version}: the main job is done\n`)

/** `Promise.withResolvers`, which Node 20 does not have. */
function makePromise() {
  let resolve
  const promise = new Promise((resolved) => {
    resolve = resolved
  })
  return { promise, resolve }
}
