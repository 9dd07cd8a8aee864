import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { startTestService } from '../support/service.ts'

const watchedMs = 4_000
/** Longer than from one renewal of leases to the next: what is used again and again stays open. */
const idleMs = 3_500

describeOnEachBackend(
  'an idle process',
  (make) => {
    test('makes at most one transaction per second, and keeps three connections', async () => {
      const storage = await make()
      const running = await startTestService(storage, {}, ['api', 'worker'], {
        connections: { idleMs, readinessIdleMs: 500 },
      })
      await fetch(`${running.api.url}/readyz`)
      // What a start leaves to be done.
      await sleep(1_500)
      let statements: unknown[] = []
      const asked =
        storage.backend === 'postgres'
          ? vi.spyOn(pg.Client.prototype, 'query')
          : vi.spyOn(Worker.prototype, 'postMessage')
      // On a busy machine more of the start may be left.
      for (let watched = 0; watched < 3; watched += 1) {
        asked.mockClear()
        await sleep(watchedMs)
        statements = asked.mock.calls.map(([first]) => first)
        if (statements.length <= watchedMs / 1_000) break
      }
      asked.mockRestore()
      expect(statements.length, JSON.stringify(statements)).toBeLessThanOrEqual(watchedMs / 1_000)
      if (storage.backend === 'postgres') {
        const client = new pg.Client(storage.env.DATABASE_URL)
        await client.connect()
        const connections = async () => {
          const { rows } = await client.query(`select application_name from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid() and application_name like 'krafter%'`)
          return rows.length
        }
        await poll(connections, (count) => count <= 3)
        await client.end()
      }
      await running.stop()
      await storage.drop()
    })
  },
  { together: true },
)
