import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, inject, onTestFailed, test } from 'vitest'
import { databasePathIn, readEncryptionKey } from '../../src/platform/db/data-folder.ts'
import { packFolder } from '../../src/platform/db/folder-archive.ts'
import { openEmbedded } from '../../src/platform/db/open-database.ts'
import { createDisk, type Loss } from '../support/power-cut/disk.ts'
import { type Recorded, unpack } from '../support/power-cut/journal.ts'
import { textOf } from '../support/power-cut/pairs.ts'
import { seededRandom } from '../support/seeded-random.ts'

/** More moments, or the same again: `POWER_CUTS=50 POWER_CUT_SEED=7`. */
const cuts = Number(process.env.POWER_CUTS ?? 3)
const seed = Number(process.env.POWER_CUT_SEED ?? randomInt(2 ** 31))
const random = seededRandom(seed)

let folder: string
/** All that a process did to its files. */
let entries: Recorded[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'krafter-push-power-'))
  const [root, journal, prepared] = ['disk', 'journal', 'prepared'].map((name) => join(folder, name))
  mkdirSync(root!)
  writeFileSync(prepared!, packFolder(inject('emptyDatabase')))
  const program = (name: string) => join(import.meta.dirname, '../support/power-cut', name)
  const args = ['--liftoff-only', '--import', program('record-files.ts'), program('writer.ts')]
  execFileSync(process.execPath, [...args, join(root!, 'data'), prepared!], {
    env: { ...process.env, POWER_CUT_ROOT: root, POWER_CUT_JOURNAL: journal },
  })
  entries = unpack(readFileSync(journal!))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Starts the database on what a power cut after so many entries leaves. @returns the numbers of the stored pairs */
async function readAfterCut(after: number, loss: Loss): Promise<number[]> {
  const disk = createDisk()
  for (const entry of entries.slice(0, after)) disk.apply(entry)
  const left = mkdtempSync(join(folder, 'left-'))
  disk.restore(left, loss)
  const data = join(left, 'data')
  expect(readEncryptionKey(data)).toHaveLength(32)
  const { db, close } = await openEmbedded(databasePathIn(data))
  const { rows: tables } = await sql<{ name: string }>`
    select oid::regclass::text as name from pg_class where relkind = 'r'`.execute(db)
  // Reading a page checks its checksum.
  await sql`select ${sql.join(tables.map(({ name }) => sql`(select count(*) from ${sql.raw(name)})`))}`.execute(
    db,
  )
  const { rows } = await sql<{ number: number; texts: string[] }>`
    select number, array_agg(text) as texts from pairs group by number`.execute(db)
  for (const { number, texts } of rows) expect(texts).toEqual([textOf(number), textOf(number)])
  await close()
  rmSync(left, { recursive: true })
  return rows.map(({ number }) => number)
}

const losses: Record<string, Loss> = { all: 'all', some: () => random() < 0.5 }
const cases = Array.from({ length: cuts }, () => random()).flatMap((part) =>
  Object.keys(losses).map((lost) => ({ part, lost })),
)

test.each(cases)(
  'a power cut after $part of the work that loses $lost of what was not synced loses nothing acknowledged',
  async ({ part, lost }) => {
    onTestFailed(() => void process.stderr.write(`POWER_CUT_SEED=${seed}\n`))
    const first = entries.findIndex(({ kind }) => kind === 'acknowledged')
    const after = first + 1 + Math.floor(part * (entries.length - first))
    const acknowledged = entries
      .slice(0, after)
      .flatMap((entry) => (entry.kind === 'acknowledged' ? [entry.number] : []))
    expect(await readAfterCut(after, losses[lost]!)).toEqual(expect.arrayContaining(acknowledged))
  },
)
