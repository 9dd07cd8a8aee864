// Receives webhooks, verifies their signatures and prints them. From a checkout:
//
//   KRAFTER_WEBHOOK_SECRET=whsec_… npx node examples/receiver/server.ts
//
// In a project of your own the import is '@krafter-push/webhooks/express'; it also fits node:http.
import { createServer } from 'node:http'
import { receiveWebhooks } from '../../packages/webhooks/express.ts'

const { KRAFTER_WEBHOOK_SECRET: secret, PORT: port = '4000' } = process.env
if (!secret) throw new Error('KRAFTER_WEBHOOK_SECRET is missing: the secret that signs the webhooks')

const receive = receiveWebhooks({
  secret,
  handlers: { otherwise: ({ event, data }) => console.log(`verified ${event} ${JSON.stringify(data)}`) },
})

const server = createServer((request, response) =>
  receive(request, response, (error) => {
    console.error(error)
    response.writeHead(500).end()
  }),
)
server.on('error', (error: NodeJS.ErrnoException) => {
  console.error(error.code === 'EADDRINUSE' ? `port ${port} is in use: choose another with PORT` : error)
  process.exit(1)
})
server.listen(Number(port), '127.0.0.1')
