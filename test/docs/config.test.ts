import { expect, test } from 'vitest'
import { environment } from '../../src/config/config.ts'
import { readDocument, tableRows } from '../support/documents.ts'

const rows = tableRows(readDocument('docs/reference/configuration.md'))

test('docs/reference/configuration.md has every variable, and no other', () => {
  const documented = rows.map(([name]) => name)
  expect(documented.sort()).toEqual(
    Object.keys(environment.shape)
      .map((name) => `\`${name}\``)
      .sort(),
  )
})

test.each(Object.entries(environment.parse({})))('the docs have the default of %s', (name, value) => {
  const [, documented] = rows.find(([cell]) => cell === `\`${name}\``)!
  expect(documented).toBe(String(value) || '–')
})

test('docs/reference/configuration.md says – where there is no default', () => {
  const defaults = environment.parse({})
  const without = Object.keys(environment.shape).filter((name) => !(name in defaults))
  expect(rows.filter(([name]) => without.includes(name!.slice(1, -1))).map(([, value]) => value)).toEqual(
    without.map(() => '–'),
  )
})
