// A receiver that is CommonJS, outside of the checkout.
const assert = require('node:assert/strict')
const { sign, verify, WebhookVerificationError } = require('@krafter-push/webhooks')

async function main() {
  const { body, headers } = await sign({ event: 'notification.sent', data: { title: 'Hello' } }, 'secret')
  assert.equal((await verify(body, headers, 'secret')).data.title, 'Hello')
  await assert.rejects(verify(body, headers, 'another'), WebhookVerificationError)
  for (const name of ['express', 'fastify', 'hono', 'next']) {
    const { receiveWebhooks } = require(`@krafter-push/webhooks/${name}`)
    assert.equal(typeof receiveWebhooks, 'function')
  }
  const { receiveWebhooks } = require('@krafter-push/webhooks/express')
  // An error of one entry is known to the other: both share their modules.
  const error = await new Promise((resolve) =>
    receiveWebhooks({ secret: '', handlers: {} })({ headers: {}, body: '{}' }, {}, resolve),
  )
  assert.ok(error instanceof WebhookVerificationError)
}

main()
