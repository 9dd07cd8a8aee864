import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { packFolder, unpackFolder } from './platform/db/folder-archive.ts'
import { openEmbedded } from './platform/db/open-database.ts'
import { preparedDatabasePath } from './prepared-database.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('an archive has every file of a folder, and the empty folders', () => {
  const from = join(folder, 'from')
  mkdirSync(join(from, 'a', 'empty'), { recursive: true })
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  writeFileSync(join(from, 'a', 'bytes'), bytes)
  writeFileSync(join(from, 'none'), '')
  const to = join(folder, 'to')
  mkdirSync(to)
  unpackFolder(packFolder(from), to)
  const list = (path: string) => readdirSync(path, { recursive: true }).sort()
  expect(list(to)).toEqual(list(from))
  expect(readFileSync(join(to, 'a', 'bytes'))).toEqual(bytes)
  expect(readFileSync(join(to, 'none'))).toHaveLength(0)
})

test('a new database is what was prepared, where there is such', async () => {
  const prepared = join(folder, 'prepared.gz')
  writeFileSync(prepared, packFolder(inject('emptyDatabase')))
  const { db, close } = await openEmbedded(join(folder, 'database'), { prepared })
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from apps`.execute(db)
  expect(rows).toEqual([{ count: 0 }])
  await close()
  expect(readdirSync(folder).sort()).toEqual(['database', 'prepared.gz'])
})

test('a prepared database is of one version: its name tells the migrations and the libraries', () => {
  expect(preparedDatabasePath()).toMatch(/\/prepared\/database-[0-9a-f]{16}\.gz$/)
  expect(preparedDatabasePath()).toBe(preparedDatabasePath())
})
