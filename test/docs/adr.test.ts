import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readDocument } from '../support/documents.ts'

const files = globSync('0*.md', { cwd: fileURLToPath(new URL('../../docs/adr/', import.meta.url)) }).sort()

test('docs/adr/README.md lists every record with its title, status and date', () => {
  const rows = files.map((file) => {
    const [, number, title] = /^# (\d+)\. (.+)$/m.exec(readDocument(`docs/adr/${file}`)) ?? []
    const [, status, date] =
      /^\*\*Status\.\*\* (.+?), (\d{4}-\d\d-\d\d)/m.exec(readDocument(`docs/adr/${file}`)) ?? []
    expect(number?.padStart(4, '0'), `${file}: the number of its title`).toBe(file.slice(0, 4))
    return `| ${number} | [${title}](${file}) | ${status} | ${date} |`
  })
  expect(readDocument('docs/adr/README.md').match(/^\| \d.*$/gm)).toEqual(rows)
  expect(new Set(files.map((file) => file.slice(0, 4))).size, 'each number once').toBe(files.length)
})

test.each(files)('docs/adr/%s has one decision', (file) => {
  expect(readDocument(`docs/adr/${file}`).match(/^\*\*Status\.\*\*/gm)).toHaveLength(1)
  expect(readDocument(`docs/adr/${file}`).match(/^\*\*Decision\.\*\*/gm) ?? ['']).toHaveLength(1)
})
