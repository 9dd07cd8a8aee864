import { expect, test } from 'vitest'
import { ConfigError } from '../config-error.ts'
import { judgeSchema } from './schema-version.ts'

const known = ['0001_initial', '0002_a', '0010_b']

test.each<[what: string, recorded: string[], pending: boolean, newer: string[]]>([
  ['empty', [], true, []],
  ['older', ['0001_initial'], true, []],
  ['older, with a gap', ['0001_initial', '0010_b'], true, []],
  ['its own', known, false, []],
  ['newer', [...known, '0011_c'], false, ['0011_c']],
  ['newer, with one in between', ['0012_d', ...known, '0005_c'], false, ['0005_c', '0012_d']],
  ['newer, and needing no more than it knows', [...known, '0011_needs_0010_x'], false, ['0011_needs_0010_x']],
])('a database that is %s can be used', (_, recorded, pending, newer) => {
  expect(judgeSchema(known, recorded)).toEqual({ pending, newer })
})

test.each(['0011_needs_0011_x', '0013_needs_0012_drop_y'])('one that needs a later program: %s', (name) => {
  const judge = () => judgeSchema(known, [...known, '0011_c', name])
  expect(judge).toThrow(ConfigError)
  expect(judge).toThrow(
    `the database is newer than this version: its migration ${name} rules out versions up to 0010_b`,
  )
})

test('one of another line of versions', () => {
  expect(() => judgeSchema(known, ['0001_initial', '0002_other'])).toThrow(
    'another version migrated the database in another order: it has 0002_other and lacks 0002_a; start that version',
  )
})
