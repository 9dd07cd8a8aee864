import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listKeys } from '../../src/access/key-store.ts'
import { startService } from '../../src/app.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLogger } from '../../src/platform/log.ts'
import { createApi } from '../support/api.ts'
import { describeOnEachBackend, openDatabase, type TestStorage } from '../support/backends.ts'
import { startTestService } from '../support/service.ts'
import { startServiceProcess } from '../support/service-process.ts'

const log = createLogger('silent')

test('a first start that cannot have its port makes nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const data = join(folder, 'data')
  const config = readConfig({ PORT: String(port), KRAFTER_DATA_DIR: data })
  await expect(startService(config, { log })).rejects.toThrow(
    `PORT ${port} is in use on 127.0.0.1: choose another with PORT`,
  )
  expect(existsSync(data)).toBe(false)
  taken.close()
  rmSync(folder, { recursive: true })
})

test('the first start says at once what it does, and begins with the prepared database and little memory', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
  const data = join(folder, 'data')
  const running = await startServiceProcess({ KRAFTER_DATA_DIR: data }, { nodeArgs: [] })
  expect(running.output.stdout.split('\n')[0]).toBe(`Preparing the database (first start only)… ${data}`)
  expect((await createApi(running.url, running.key!).get('/push/apps')).status).toBe(200)
  // It has started itself again as the same process, and only once.
  const command = readFileSync(`/proc/${running.pid}/cmdline`, 'utf8')
  expect(command.match(/--max-semi-space-size=16/g)).toHaveLength(1)
  expect(readFileSync(`/proc/${running.pid}/environ`, 'utf8')).toContain('MALLOC_ARENA_MAX=2')
  await running.end('SIGKILL')
  rmSync(folder, { recursive: true })
})

describeOnEachBackend('the first API key', (make) => {
  let storage: TestStorage

  beforeAll(async () => {
    storage = await make()
  })
  afterAll(() => storage.drop())

  const storedKeys = async () => {
    const database = await openDatabase(storage)
    return listKeys(database.db).finally(() => database.close())
  }

  test('is made by no process that only works', async () => {
    const worker = await startTestService(storage, { KRAFTER_BOOTSTRAP_API_KEY: '' }, ['worker'])
    expect(worker.service.firstKey).toBeUndefined()
    await worker.stop()
    expect(await storedKeys()).toEqual([])
  })

  test('is shown as soon as it is made, whatever fails after that', async () => {
    const config = readConfig({ PORT: '0', ...storage.env })
    let shown = ''
    const start = startService(config, {
      log,
      onFirstKey(key) {
        shown = key
        throw new Error('what comes next fails')
      },
    })
    await expect(start).rejects.toThrow('what comes next fails')
    expect(await storedKeys()).toHaveLength(1)

    const next = await startTestService(storage)
    expect(next.service.firstKey).toBeUndefined()
    expect((await createApi(next.api.url, shown).get('/push/apps')).status).toBe(200)
    await next.stop()
  })
})
