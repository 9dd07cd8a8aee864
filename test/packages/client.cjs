// A CommonJS program, outside of the checkout, against a service at KRAFTER_PUBLIC_URL.
const assert = require('node:assert/strict')
const { Krafter, AuthenticationError } = require('@krafter-push/client')

async function main() {
  const { KRAFTER_PUBLIC_URL: url, KRAFTER_API_KEY: apiKey } = process.env
  const krafter = new Krafter({ url, apiKey })
  const { data, response } = await krafter.apps.create({ name: 'CommonJS' }).withResponse()
  assert.equal(response.status, 201)
  assert.equal((await krafter.apps.read(data.id)).name, 'CommonJS')
  await krafter.apps.delete(data.id)
  await assert.rejects(new Krafter({ url }).apps.list(), AuthenticationError)
  process.stdout.write(`client, CommonJS, Node ${process.version}: it works\n`)
}

main()
