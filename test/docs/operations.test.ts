import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createMetrics } from '../../src/platform/metrics.ts'
import { readDocument, tableRows } from '../support/documents.ts'

const rows = tableRows(readDocument('docs/operate/monitoring.md'))
const sources = globSync('**/*.ts', {
  cwd: fileURLToPath(new URL('../../src/', import.meta.url)),
  exclude: (name) => name.endsWith('.test.ts'),
})

/** `log.info({ … }, 'batch.sent')`, over however many lines. */
const logged = sources.flatMap((path) => {
  const source = readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8')
  const calls = source.matchAll(/\blog(?:\.(?<level>\w+)\(|\[)[^;]*?'(?<name>[a-z]+\.[a-z_]+)',?\s*\)/g)
  return [...calls].map(({ groups }) => ({ name: groups!.name!, level: groups!.level }))
})

test('docs/operate/monitoring.md has every log line with its level, and no other', () => {
  expect(logged.length).toBeGreaterThan(20)
  const documented = rows.filter(([name]) => /^`[a-z]+\.[a-z_]+`$/.test(name!))
  const names = (list: string[]) => [...new Set(list)].sort()
  expect(names(documented.map(([name]) => name!.slice(1, -1)))).toEqual(names(logged.map(({ name }) => name)))
  for (const { name, level } of logged) {
    const [, told] = documented.find(([cell]) => cell === `\`${name}\``)!
    if (level) expect(told, name).toBe(level)
  }
})

test('docs/operate/monitoring.md has every metric with its labels', () => {
  const { registry } = createMetrics()
  const ours = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('krafter_push_'))
  for (const metric of ours) {
    const [, labels] = rows.find(([name]) => name === `\`${metric.name}\``) ?? []
    const { labelNames } = metric as unknown as { labelNames: string[] }
    expect(labels, metric.name).toBe(labelNames.map((label) => `\`${label}\``).join(', '))
  }
})
