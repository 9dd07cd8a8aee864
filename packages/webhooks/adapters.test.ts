import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { receiveWebhooks as forExpress } from './express.ts'
import { receiveWebhooks as forFastify } from './fastify.ts'
import { receiveWebhooks as forHono } from './hono.ts'
import {
  createDeduplicator,
  createMemoryStore,
  type EventToSign,
  type ReceivedEvent,
  type ReceiverOptions,
  type SignedDelivery,
  sign,
} from './index.ts'
import { receiveWebhooks as forNext } from './next.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const path = '/hooks/krafter'
const maxBodyBytes = 2_000
const registered = {
  app_id: 'app',
  subscriber_id: 'subscriber',
  user_id: 'Zoë 🚀',
  platform: 'web',
} as const

/** A receiver: what it was told, and what its handlers do. */
interface Receiver {
  post: (delivery: SignedDelivery) => Promise<Response>
  seen: { by: string; event: ReceivedEvent }[]
  fail?: Error
  stop(): Promise<unknown>
}

type MakeReceiver = (options: ReceiverOptions) => Promise<Pick<Receiver, 'post' | 'stop'>>

async function listen(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, server }
}

function over(url: string, stop: () => Promise<unknown>): Pick<Receiver, 'post' | 'stop'> {
  return { post: (delivery) => fetch(url, { method: 'POST', ...delivery }), stop }
}

async function stopServer(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

/** Express shows and logs the stack of what it does not expect; tests need the status alone. */
const quiet: express.ErrorRequestHandler = (error, _request, response, _next) =>
  void response.status(error.status ?? 500).send(error.code ?? 'failed')

async function startExpress(build: (app: express.Express) => void): Promise<Pick<Receiver, 'post' | 'stop'>> {
  const app = express()
  build(app)
  app.use(quiet)
  const { url, server } = await listen(app)
  return over(url, () => stopServer(server))
}

const frameworks: Record<string, MakeReceiver> = {
  express: (options) => startExpress((app) => app.post(path, forExpress(options))),
  'express.raw()': (options) =>
    startExpress((app) =>
      app.post(path, express.raw({ type: '*/*', limit: maxBodyBytes }), forExpress(options)),
    ),
  'node:http': async (options) => {
    const receive = forExpress(options)
    const { url, server } = await listen(
      (request, response) =>
        void receive(request, response, () => {
          response.statusCode = 500
          response.end()
        }),
    )
    return over(url, () => stopServer(server))
  },
  fastify: async (options) => {
    const server = fastify()
    await server.register(forFastify, { ...options, path })
    server.post('/json', async ({ body }) => body)
    return over(`${await server.listen({ port: 0, host: '127.0.0.1' })}${path}`, () => server.close())
  },
  hono: async (options) => {
    const app = new Hono()
    app.post(path, forHono(options))
    app.onError((_, context) => context.text('failed', 500))
    const post: Receiver['post'] = async (delivery) => app.request(path, { method: 'POST', ...delivery })
    return { post, stop: async () => {} }
  },
  'hono, read by a middleware': async (options) => {
    const app = new Hono()
    app.use(async (context, next) => {
      await context.req.text()
      await next()
    })
    app.post(path, forHono({ ...options }))
    app.onError((_, context) => context.text('failed', 500))
    const post: Receiver['post'] = async (delivery) => app.request(path, { method: 'POST', ...delivery })
    return { post, stop: async () => {} }
  },
  next: async (options) => {
    const POST = forNext(options)
    const post: Receiver['post'] = (delivery) =>
      // As its server answers what a route throws.
      POST(new Request(`https://shop.example${path}`, { method: 'POST', ...delivery })).catch(
        () => new Response('failed', { status: 500 }),
      )
    return { post, stop: async () => {} }
  },
}

describe.each(Object.keys(frameworks))('%s', (name) => {
  let receiver: Receiver

  beforeAll(async () => {
    const seen: Receiver['seen'] = []
    const note = (by: string) => (event: ReceivedEvent) => {
      if (receiver.fail) throw receiver.fail
      seen.push({ by, event })
    }
    const made = await frameworks[name]!({
      secret: async () => ['the next one', secret],
      handlers: { 'subscriber.registered': note('its own'), otherwise: note('otherwise') },
      deduplicator: createDeduplicator(),
      maxBodyBytes,
    })
    receiver = { ...made, seen }
  })

  afterAll(() => receiver?.stop())

  async function deliver(content: EventToSign | EventToSign[] | string) {
    receiver.seen.length = 0
    const answer = await receiver.post(await sign(content, secret))
    return { status: answer.status, text: await answer.text() }
  }

  test('the handler of the event is called', async () => {
    const event: EventToSign = { event: 'subscriber.registered', data: registered }
    expect(await deliver(event)).toEqual({ status: 204, text: '' })
    expect(receiver.seen).toMatchObject([{ by: 'its own', event }])
  })

  test('the raw bytes are verified, not what a parser made of them', async () => {
    const spaced = '{ "id": "spaced", "event":"subscriber.registered","timestamp":"", "data": {"n": 1.0} }\n'
    expect(await deliver(spaced)).toMatchObject({ status: 204 })
    expect(receiver.seen).toMatchObject([{ event: { id: 'spaced' } }])
  })

  test('other events, and those of a newer server, go to the handler for the rest', async () => {
    const events = ['notification.opened', 'toString'].map((event) => ({ event, data: {} }))
    expect(await deliver(events)).toMatchObject({ status: 204 })
    expect(receiver.seen.map(({ by, event }) => [by, event.event])).toEqual([
      ['otherwise', 'notification.opened'],
      ['otherwise', 'toString'],
    ])
  })

  test('a duplicate is answered, and handled no more', async () => {
    const event = { id: `twice`, event: 'notification.opened', data: {} }
    expect(await deliver(event)).toMatchObject({ status: 204 })
    expect(await deliver(event)).toMatchObject({ status: 204 })
    expect(receiver.seen).toEqual([])
  })

  test('a handler that fails is a 500, and the next delivery is handled', async () => {
    const event = { id: 'again', event: 'notification.opened', data: {} }
    receiver.fail = new Error('the disk is full')
    expect(await deliver(event)).toMatchObject({ status: 500 })
    delete receiver.fail
    expect(await deliver(event)).toMatchObject({ status: 204 })
    expect(receiver.seen).toHaveLength(1)
  })

  test('what is not genuine is a 400 that says why', async () => {
    const { headers, body } = await sign({ event: 'notification.opened', data: {} }, secret)
    const answer = await receiver.post({ headers, body: `${body} ` })
    expect([answer.status, await answer.text()]).toEqual([400, 'invalid_signature'])
    const unsigned = await receiver.post({ headers: { 'content-type': 'application/json' }, body })
    expect([unsigned.status, await unsigned.text()]).toEqual([400, 'missing_header'])
  })

  test('a body that is too long is a 413', async () => {
    expect(await deliver('x'.repeat(maxBodyBytes + 100))).toMatchObject({ status: 413 })
  })
})

describe('what differs', () => {
  test('express: behind a JSON parser there is no raw body, and the error says so', async () => {
    const handlers = { otherwise: () => {} }
    const { post, stop } = await startExpress((app) => {
      app.use(express.json())
      app.post(path, forExpress({ secret, handlers }))
    })
    const answer = await post(await sign({ event: 'notification.opened', data: {} }, secret))
    expect([answer.status, await answer.text()]).toEqual([500, 'body_used'])
    await stop()
  })

  test('fastify: other routes still have their parsers', async () => {
    const server = fastify()
    await server.register(forFastify, { secret, handlers: {}, prefix: '/hooks' })
    server.post('/json', async ({ body }) => body)
    const answer = await server.inject({ method: 'POST', url: '/json', payload: { a: 1 } })
    expect(answer.json()).toEqual({ a: 1 })
    const delivery = await sign({ event: 'notification.opened', data: {} }, secret)
    const { statusCode } = await server.inject({
      method: 'POST',
      url: '/hooks',
      headers: delivery.headers,
      payload: delivery.body,
    })
    expect(statusCode).toBe(204)
    await server.close()
  })

  test('hono: a secret of its bindings', async () => {
    const app = new Hono<{ Bindings: { SECRET: string } }>()
    app.post(
      path,
      forHono<{ Bindings: { SECRET: string } }>({ secret: ({ env }) => env.SECRET, handlers: {} }),
    )
    const delivery = await sign({ event: 'notification.opened', data: {} }, secret)
    const ask = (bindings: object) => app.request(path, { method: 'POST', ...delivery }, bindings)
    expect((await ask({ SECRET: secret })).status).toBe(204)
    expect((await ask({ SECRET: 'another' })).status).toBe(400)
  })

  test('a secret that is not set is the own fault, not that of the sender', async () => {
    const request = new Request('https://shop.example', { method: 'POST', body: '{}' })
    await expect(forNext({ secret: '', handlers: {} })(request)).rejects.toMatchObject({
      code: 'invalid_secret',
    })
  })

  test('while another process works on the event, it has to come again', async () => {
    const store = createMemoryStore()
    const POST = forNext({ secret, handlers: {}, deduplicator: createDeduplicator({ store }) })
    store.add('busy:claim', 60)
    const delivery = await sign({ id: 'busy', event: 'notification.opened', data: {} }, secret)
    const answer = await POST(new Request('https://shop.example', { method: 'POST', ...delivery }))
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '60'])
  })
})
