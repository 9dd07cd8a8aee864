import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { ConfigError } from '../../src/platform/config-error.ts'
import { openEmbedded } from '../../src/platform/db/open-database.ts'
import { createApi } from '../support/api.ts'
import { startServiceProcess } from '../support/service-process.ts'

const mebibyte = 1_048_576
const key = `kr_live_${'a'.repeat(43)}`

let disk: string
let data: string
const noDisk = mountDisk()

/** A disk of its own, so small that it can be filled. @returns why there is none */
function mountDisk(): string | undefined {
  disk = mkdtempSync(join(tmpdir(), 'krafter-push-disk-'))
  data = join(disk, 'data')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', disk], { stdio: 'pipe' })
  } catch (error) {
    rmSync(disk, { recursive: true })
    return `no disk to fill: ${(error as Error).message.split('\n')[0]}`
  }
}

/** Leaves so much room on the disk. */
function fill(leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(disk)
  appendFileSync(join(disk, 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)))
}

beforeAll(async () => {
  if (noDisk) return
  mkdirSync(data)
  cpSync(inject('emptyDatabase'), join(data, 'database'), { recursive: true })
  const { db, close } = await openEmbedded(join(data, 'database'))
  // Each app that is made fills a sixteenth of a file of the write-ahead log, and none of the table's.
  await sql`create function fill_log() returns trigger language plpgsql as $$ begin
    perform pg_logical_emit_message(false, 'test', repeat('x', 1000000)); return new; end $$`.execute(db)
  await sql`create trigger fill_log after insert on apps for each row execute function fill_log()`.execute(db)
  await close()
})

afterAll(() => {
  if (noDisk) return
  execFileSync('umount', ['-l', disk])
  rmSync(disk, { recursive: true })
})

test.skipIf(noDisk)(
  `a full disk ends the embedded database's process, and loses nothing${noDisk ? ` (${noDisk})` : ''}`,
  async () => {
    const env = { KRAFTER_DATA_DIR: data, KRAFTER_BOOTSTRAP_API_KEY: key }
    const filled = await startServiceProcess(env)
    const metrics = await (await fetch(`${filled.url}/metrics`)).text()
    expect(metrics).toMatch(/^krafter_push_disk_free_bytes\{folder="[^"]+"\} [1-9]\d*$/m)
    expect(filled.output.stdout).toContain('"msg":"disk.low"')

    fill(8 * mebibyte)
    const api = createApi(filled.url, key)
    const made: string[] = []
    const error = await (async () => {
      for (let n = 0; n < 40; n++) {
        const { status, body } = await api.post('/push/apps', { name: `app ${n}` })
        expect(status).toBe(201)
        made.push(body.data.id)
      }
    })().catch((reason: Error) => reason)
    expect(error?.message).toBe('fetch failed')
    expect(await filled.end('SIGKILL')).toEqual({ code: 1, signal: null })
    const last = JSON.parse(filled.output.stdout.trim().split('\n').at(-1)!)
    expect(last).toMatchObject({ level: 'error', msg: 'database.broken' })
    expect(last.reason).toMatch(/^PANIC: .*pg_wal.*No space left on device$/)
    expect(filled.output.stderr).toBe('')

    fill(0)
    const refusal = await openEmbedded(join(data, 'database')).catch((reason: Error) => reason)
    expect(refusal).toBeInstanceOf(ConfigError)
    expect((refusal as Error).message).toMatch(/cannot be opened: .*No space left on device/)

    rmSync(join(disk, 'ballast'))
    const again = await startServiceProcess(env)
    const { body } = await createApi(again.url, key).get('/push/apps?limit=100')
    expect(body.data.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining(made))
    expect(made.length).toBeGreaterThan(0)
    await again.end('SIGKILL')
  },
)
