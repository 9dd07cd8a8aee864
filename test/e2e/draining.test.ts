import { expect, test } from 'vitest'
import { createApi, poll } from '../support/api.ts'
import { makeDataFolder } from '../support/backends.ts'
import { startServiceProcess } from '../support/service-process.ts'

/** Two processes, one after the other on the same data. */
test('told to stop, it says so first and still answers, for those who route requests to it', async () => {
  const storage = makeDataFolder()
  const first = await startServiceProcess({ ...storage.env, KRAFTER_DRAIN_DELAY_MS: '3000' })
  const api = createApi(first.url, first.key!)
  const kept = await api.get('/push/apps')
  expect(kept.headers.get('connection')).toBe('keep-alive')
  const readiness = (url: string) => fetch(`${url}/readyz`).then(({ status }) => status)
  expect(await readiness(first.url)).toBe(200)

  const toldAt = Date.now()
  const ended = first.end('SIGTERM')
  await poll(
    () => readiness(first.url),
    (status) => status === 503,
  )
  const answer = await api.post('/push/apps', { name: 'Late' })
  expect(answer.status).toBe(201)
  // So that nobody asks on a connection that is about to be closed.
  expect(answer.headers.get('connection')).toBe('close')
  expect(await fetch(`${first.url}/healthz`).then(({ status }) => status)).toBe(200)
  expect(await ended).toEqual({ code: 0, signal: null })
  expect(Date.now() - toldAt).toBeGreaterThanOrEqual(3_000)
  await expect(fetch(`${first.url}/readyz`)).rejects.toThrow()

  // Nobody presses Ctrl-C here, so it waits though nothing is configured; a second signal ends the wait.
  const second = await startServiceProcess({ ...storage.env, KRAFTER_DRAIN_DELAY_MS: '' })
  const endedAtOnce = second.end('SIGTERM')
  await poll(
    () => readiness(second.url),
    (status) => status === 503,
  )
  expect((await createApi(second.url, first.key!).get('/push/apps')).body.data).toHaveLength(1)
  await second.end('SIGTERM')
  expect(await endedAtOnce).toEqual({ code: null, signal: 'SIGTERM' })
  expect(second.output.stdout).toContain('"delayMs":5000')
  await storage.drop()
})
