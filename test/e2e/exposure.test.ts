import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder, type TestStorage } from '../support/backends.ts'
import { startTestService, type TestService } from '../support/service.ts'

let storage: TestStorage
let running: TestService

beforeAll(async () => {
  storage = makeDataFolder()
  running = await startTestService(storage, { KRAFTER_METRICS_PORT: '0' }, ['api'])
})

afterAll(async () => {
  await running.stop()
  await storage.drop()
})

const ask = (path: string, init?: RequestInit, base = running.service.url) =>
  fetch(`${base}${path}`, { redirect: 'manual', ...init })
const headersOf = async (path: string, init?: RequestInit) =>
  Object.fromEntries((await ask(path, init)).headers)

test('no cache keeps an answer, whatever it is, and no browser guesses its type', async () => {
  const authorization = `Bearer ${running.api.key}`
  const post = { method: 'POST', headers: { authorization, 'content-type': 'application/json' } }
  const answers = [
    await ask('/api/v1/push/apps', { headers: { authorization } }),
    await ask('/api/v1/push/apps', { ...post, body: '{"name":"Secretive"}' }),
    await ask('/api/v1/push/apps', { ...post, body: '{' }),
    await ask('/api/v1/push/apps'),
    await ask('/api/v1/push/track/delivered', { ...post, body: '{}' }),
    await ask('/nothing'),
    await ask('/healthz'),
    await ask('/openapi.json'),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 201, 400, 401, 204, 404, 200, 200])
  for (const { headers, url } of answers) {
    expect(headers.get('cache-control'), url).toBe('no-store')
    expect(headers.get('x-content-type-options'), url).toBe('nosniff')
  }
})

test('the page of the API is in no frame and asks nobody else', async () => {
  for (const path of ['/docs', '/docs/']) {
    const headers = await headersOf(path)
    expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' })
    const policy = headers['content-security-policy']!.split('; ')
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
      ]),
    )
  }
  // Relative, for a proxy that serves it below another path.
  expect(await headersOf('/docs')).toMatchObject({ location: 'docs/' })
  const { etag } = await headersOf('/docs/main.js')
  const again = await ask('/docs/main.js', { headers: { 'if-none-match': etag! } })
  expect(again.status).toBe(304)
})

test('metrics with a port of their own are there alone, beside the probes', async () => {
  const { metricsUrl } = running.service
  const metrics = await ask('/metrics', {}, metricsUrl)
  expect(await metrics.text()).toContain('krafter_push_queue_depth')
  expect((await ask('/readyz', {}, metricsUrl)).status).toBe(200)
  expect((await ask('/api/v1/push/apps', {}, metricsUrl)).status).toBe(404)
  expect((await ask('/metrics')).status).toBe(404)
  expect((await ask('/readyz')).status).toBe(200)
  const { paths } = (await (await ask('/openapi.json')).json()) as { paths: object }
  expect(Object.keys(paths)).not.toContain('/metrics')
})

test('a port for metrics that cannot be had ends the start, naming the variable', async () => {
  const { port } = new URL(running.service.metricsUrl!)
  await expect(startTestService(storage, { KRAFTER_METRICS_PORT: port }, ['worker'])).rejects.toThrow(
    `KRAFTER_METRICS_PORT ${port} is in use on 127.0.0.1: choose another with KRAFTER_METRICS_PORT`,
  )
})

test('a worker has metrics, too', async () => {
  await running.stop()
  running = await startTestService(storage, { KRAFTER_METRICS_PORT: '0' }, ['worker'])
  expect(running.service.url).toBeUndefined()
  const metrics = await ask('/metrics', {}, running.service.metricsUrl)
  expect(await metrics.text()).toContain('krafter_push_pushes_total')
  expect((await ask('/healthz', {}, running.service.metricsUrl)).status).toBe(200)
})
