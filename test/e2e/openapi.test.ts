import { afterAll, beforeAll, expect, test } from 'vitest'
import { appShape, createdAppShape } from '../../src/apps/app-schema.ts'
import { notificationShape } from '../../src/notifications/notification-schema.ts'
import { subscriberShape } from '../../src/subscribers/subscriber-schema.ts'
import { webhookShape } from '../../src/webhooks/webhook-schema.ts'
import { makeDataFolder } from '../support/backends.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { expectShape } from '../support/shapes.ts'

let running: TestService

beforeAll(async () => {
  running = await startTestService(makeDataFolder(), {}, ['api'])
})

afterAll(() => running.end())

test('the examples of the description are accepted, and the answers are as described, field by field', async () => {
  const { api } = running
  const description = (await api.withKey(null).send('/../../openapi.json', {})).body
  const exampleFor = (path: string) =>
    description.paths[path].post.requestBody.content['application/json'].example
  const create = async (path: string, template: string) => {
    const answer = await api.post(path, exampleFor(`/api/v1/push/apps${template}`))
    expect(answer.status, JSON.stringify(answer.body)).toBe(201)
    return answer.body.data
  }
  const app = await create('/push/apps', '')
  expectShape(app, createdAppShape)
  const base = `/push/apps/${app.id}`
  expectShape((await api.get(base)).body.data, appShape)
  for (const [name, shape] of [
    ['subscribers', subscriberShape],
    ['notifications', notificationShape],
    ['webhooks', webhookShape],
  ] as const) {
    const made = await create(`${base}/${name}`, `/{app_id}/${name}`)
    expectShape(made, shape)
    expectShape((await api.get(`${base}/${name}/${made.id}`)).body.data, shape)
    const list = await api.get(`${base}/${name}`)
    expect(list.body.data).toHaveLength(1)
    expectShape(list.body.data[0], shape)
  }
})

test('the description is there to read, and brings its own script', async () => {
  const read = (path: string) => fetch(new URL(path, running.api.url))
  const page = await read('/docs')
  expect(page.headers.get('content-type')).toContain('text/html')
  expect(await page.text()).toContain('<title>Krafter Push API</title>')
  const script = await read('/docs/main.js')
  expect(script.status).toBe(200)
  expect(script.headers.get('content-type')).toContain('javascript')
  expect((await read('/docs/nothing')).status).toBe(404)
  expect((await read('/docs/..%2fopenapi.json')).status).toBe(404)
})
