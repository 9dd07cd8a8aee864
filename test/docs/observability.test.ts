import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { showKnownLabels } from '../../src/monitoring/known-labels.ts'
import { createMetrics } from '../../src/platform/metrics.ts'
import { readDocument, tableRows } from '../support/documents.ts'
import { hasPromtool, noPromtool, promtool } from '../support/promtool.ts'

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url))
const rulesPath = `${deploy}prometheus/alerts.yaml`
const testPaths = globSync(`${deploy}prometheus/*.test.yaml`)
const rules: { alert: string; expr: string; labels: { severity: string } }[] = parse(
  readFileSync(rulesPath, 'utf8'),
).groups.flatMap(({ rules }: { rules: object[] }) => rules)

interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: { expr: string }[]
}
const dashboards = globSync('grafana/*.json', { cwd: deploy }).map((path) => ({
  path,
  dashboard: JSON.parse(readFileSync(`${deploy}${path}`, 'utf8')) as { panels: Panel[] },
}))
const queries = dashboards.flatMap(({ dashboard }) =>
  dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
)

/** Every series that `/metrics` can show, as `name` and `name{label`. */
const known = new Set<string>()

beforeAll(async () => {
  const metrics = createMetrics()
  showKnownLabels(metrics)
  for (const { name, type } of await metrics.registry.getMetricsAsJSON()) {
    const suffixes = String(type) === 'histogram' ? ['_bucket', '_count', '_sum'] : ['']
    const { labelNames } = metrics.registry.getSingleMetric(name) as unknown as { labelNames: string[] }
    for (const suffix of suffixes) {
      known.add(`${name}${suffix}`)
      for (const label of [...labelNames, 'le', 'job', 'instance']) known.add(`${name}${suffix}{${label}`)
    }
  }
})

/** The series of an expression, with the labels that it selects by. */
function seriesIn(expression: string): string[] {
  const selectors = expression.matchAll(/\b((?:krafter_push|nodejs|process)_\w+)(?:\{([^}]*)\})?/g)
  return [...selectors].flatMap(([, name, matchers = '']) => [
    name!,
    ...[...matchers.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(([, label]) => `${name}{${label}`),
  ])
}

test('alerts and dashboards name metrics and labels that there are', () => {
  expect(queries.length).toBeGreaterThan(20)
  const named = [...rules.map(({ expr }) => expr), ...queries].flatMap(seriesIn)
  expect(named.filter((series) => !known.has(series))).toEqual([])
})

test('dashboards show every metric of the service', () => {
  const shown = new Set(queries.flatMap(seriesIn).map((series) => series.replace(/_(bucket|count|sum)$/, '')))
  const ours = createMetrics()
    .registry.getMetricsAsArray()
    .map(({ name }) => name)
    .filter((name) => name.startsWith('krafter_push_'))
  expect(ours.filter((name) => !shown.has(name))).toEqual([])
})

test.each(dashboards)('panels of $path have room and a name', ({ dashboard: { panels } }) => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = panels.flatMap(({ title, gridPos: { x, y, w, h } }) => {
    expect(title).not.toBe('')
    expect(x + w, title).toBeLessThanOrEqual(24)
    return Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`)
  })
  expect(new Set(cells).size).toBe(cells.length)
})

test('docs/operate/monitoring.md says of every alert why, and what to do', () => {
  const documented = tableRows(readDocument('docs/operate/monitoring.md')).filter(([name]) =>
    name!.startsWith('`KrafterPush'),
  )
  expect(documented.map(([name]) => name!.slice(1, -1))).toEqual(rules.map(({ alert }) => alert))
  expect(documented.map(([, severity]) => severity)).toEqual(rules.map(({ labels }) => labels.severity))
})

describe.skipIf(!hasPromtool)(hasPromtool ? 'promtool' : noPromtool, () => {
  test('finds no fault with the alert rules, and their tests pass', () => {
    expect(promtool(['check', 'rules', rulesPath])).toContain(`SUCCESS: ${rules.length} rules found`)
    expect(promtool(['test', 'rules', ...testPaths])).not.toContain('FAILED')
  })

  test('every alert has a test in which it fires, and one in which it does not', () => {
    const tests = testPaths.flatMap((path) => parse(readFileSync(path, 'utf8')).tests)
    const cases = tests.flatMap(
      ({ alert_rule_test }: { alert_rule_test: { alertname: string; exp_alerts?: object[] }[] }) =>
        alert_rule_test,
    )
    const names = rules.map(({ alert }) => alert).sort()
    const namesOf = (fires: boolean) => [
      ...new Set(
        cases
          .filter(({ exp_alerts = [] }) => exp_alerts.length > 0 === fires)
          .map(({ alertname }) => alertname),
      ),
    ]
    expect(namesOf(true).sort()).toEqual(names)
    expect(namesOf(false).sort()).toEqual(names)
  })

  test('can read every query of the dashboards', () => {
    const readable = queries.map((query) =>
      query.replaceAll('$__rate_interval', '5m').replaceAll('$job', '.+'),
    )
    const asRules = readable.map((expr, index) => ({ record: `query:${index}`, expr }))
    const path = join(mkdtempSync(join(tmpdir(), 'krafter-push-test-')), 'queries.yaml')
    onTestFinished(() => rmSync(dirname(path), { recursive: true }))
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'queries', rules: asRules }] }))
    const checked = promtool(['check', 'rules', '--lint=none', path])
    expect(checked).toContain(`SUCCESS: ${queries.length} rules found`)
  })
})
