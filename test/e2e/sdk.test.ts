import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder, type TestStorage } from '../support/backends.ts'
import { startTestService, type TestService } from '../support/service.ts'

const maxGzippedBytes = 4_096
const names = ['krafter-push.js', 'krafter-push-sw.js']

let storage: TestStorage
let running: TestService

beforeAll(async () => {
  storage = makeDataFolder()
  running = await startTestService(storage, {}, ['api'])
})

afterAll(async () => {
  await running.stop()
  await storage.drop()
})

const ask = (name: string, headers: Record<string, string> = {}) =>
  fetch(`${running.service.url}/sdk/${name}`, { headers })

test.each(names)('%s is small, for any page, and kept for a while', async (name) => {
  const answer = await ask(name)
  expect(answer.status).toBe(200)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': `${name === 'krafter-push.js' ? 'public' : 'private'}, max-age=3600`,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
    'x-content-type-options': 'nosniff',
  })
  // Where it reports to is what this request was sent to: for others that may be another.
  if (name === 'krafter-push-sw.js') expect(answer.headers.get('vary')).toContain('host')
  expect(gzipSync(await answer.text()).length).toBeLessThan(maxGzippedBytes)
  const again = await ask(name, { 'if-none-match': answer.headers.get('etag')! })
  expect(again.status).toBe(304)
  expect((await ask('another.js')).status).toBe(404)
})

/** The service worker's script as a worker at `location` runs it: where it reports to. */
async function reportsTo(location: string): Promise<string> {
  const asked: string[] = []
  const listeners: Record<string, (event: unknown) => void> = {}
  const self = {
    location: { href: location },
    registration: { showNotification: async () => {} },
    addEventListener: (type: string, listener: (event: unknown) => void) => {
      listeners[type] = listener
    },
  }
  const fetch = async (url: string) => asked.push(url)
  runInContext(await (await ask('krafter-push-sw.js')).text(), createContext({ self, fetch, URL }))
  const waits: Promise<unknown>[] = []
  listeners.push!({
    data: { json: () => ({ t: 'token', title: 'Hello' }) },
    waitUntil: (wait: Promise<unknown>) => waits.push(wait),
  })
  await Promise.all(waits)
  return asked[0]!
}

test('a worker reports to where its script came from, or to where its own URL says', async () => {
  expect(await reportsTo('https://shop.example/sw.js')).toBe(
    `${running.service.url}/api/v1/push/track/delivered`,
  )
  expect(await reportsTo('https://shop.example/sw.js?server=https://push.example')).toBe(
    'https://push.example/api/v1/push/track/delivered',
  )
})

test('behind a proxy that is where the operator says', async () => {
  await running.stop()
  running = await startTestService(storage, { KRAFTER_PUBLIC_URL: 'https://push.example/base/' }, ['api'])
  expect(await reportsTo('https://shop.example/sw.js')).toBe(
    'https://push.example/base/api/v1/push/track/delivered',
  )
  const { headers } = await ask('krafter-push-sw.js')
  expect(headers.get('cache-control')).toBe('public, max-age=3600')
  expect(headers.get('vary')).toBeNull()
})
