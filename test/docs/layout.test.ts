import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../src/', import.meta.url))
const paths = globSync('**/*.ts', { cwd: root, exclude: (name) => name.endsWith('.test.ts') })

/** The sources by path, without comments that have lines of their own. */
const sources = new Map(
  paths.map((path) => [
    path,
    readFileSync(root + path, 'utf8').replaceAll(/^\s*(?:\/\*\*[\s\S]*?\*\/|\/\/.*)$/gm, ''),
  ]),
)

/** Which file imports which, also if only a type. */
const imports = [...sources].flatMap(([from, source]) =>
  [...source.matchAll(/\b(?:from|import) ?\(?'(\.[^']+\.ts)'/g)].map(([, name]) => ({
    from,
    to: posix.join(posix.dirname(from), name!),
  })),
)

/** Kysely's functions, and statements in SQL. */
const writes =
  /\b(?:insertInto|updateTable|deleteFrom)\('(\w+)'|\b(?:insert into|delete from|truncate) (\w+)|\bupdate (\w+)(?:\s+(?:as )?\w+)?\s+set\b/g

/** Files that write tables of other files, and why. */
const writesAll = new Map([
  [
    'apps/app-deletion-store.ts',
    'an app goes with all its rows, in the order in which transactions lock them',
  ],
])

test('a table is written in one file', () => {
  const written = [...sources].flatMap(([path, source]) =>
    [...source.matchAll(writes)].map((match) => ({ path, table: (match[1] ?? match[2] ?? match[3])! })),
  )
  const writers = Map.groupBy(
    written.filter(({ path }) => !writesAll.has(path)),
    ({ table }) => table,
  )
  expect([...writers.keys()]).toEqual(
    expect.arrayContaining(['apps', 'attempts', 'lane_leases', 'notifications', 'subscribers', 'webhooks']),
  )
  const filesOf = [...writers].map(([table, found]) => [table, [...new Set(found.map(({ path }) => path))]])
  expect(filesOf.filter(([, files]) => files!.length > 1)).toEqual([])
})

/** Files with SQL that are not stores, and why. */
const hasSql = new Map([
  ['cli/doctor/check-database.ts', 'asks about the server, not about our tables'],
  ['platform/queue.ts', 'asks the tables of pg-boss'],
  ['prepare-database.ts', 'shrinks an empty database'],
  ['subscribers/targeting.ts', 'makes conditions for the statements of stores'],
])

test('SQL is in stores and in platform/db/', () => {
  const sql = /\bsql(?:<[^`]*>)?`|\.(?:selectFrom|insertInto|updateTable|deleteFrom)\(/
  const files = [...sources].filter(([, source]) => sql.test(source)).map(([path]) => path)
  const others = files.filter((path) => !path.endsWith('-store.ts') && !path.startsWith('platform/db/'))
  expect(others.sort()).toEqual([...hasSql.keys()])
})

test.each([
  // The types of our tables and our migrations are what the platform opens a database with.
  ['platform/ imports no domain', /^platform\//, /^(?!platform\/|database\.ts|\.\.\/migrations\/)/],
  ['channels/ import no database', /^channels\//, /^platform\/db\/|-store\.ts$/],
  ['stores import no HTTP', /-store\.ts$/, /^platform\/(?:http\/|errors\.ts)|-(?:routes|schema)\.ts$/],
])('%s', (_, from, to) => {
  expect(imports.filter((each) => from.test(each.from) && to.test(each.to))).toEqual([])
})

test.each([
  ['file', (path: string) => path],
  ['folder', (path: string) => path.split('/')[0]!],
])('no %s imports itself by way of others', (_, placeOf) => {
  const arrows = imports
    .map(({ from, to }) => ({ from: placeOf(from), to: placeOf(to) }))
    .filter(({ from, to }) => from !== to)
  const left = new Set(arrows.flatMap(({ from, to }) => [from, to]))
  // What imports nothing that is left goes, and what nothing imports that is left, until only circles are left.
  for (let before = Infinity; left.size < before; ) {
    before = left.size
    const inside = arrows.filter(({ from, to }) => left.has(from) && left.has(to))
    const [above, under] = [new Set(inside.map(({ from }) => from)), new Set(inside.map(({ to }) => to))]
    for (const place of left) if (!above.has(place) || !under.has(place)) left.delete(place)
  }
  expect([...left]).toEqual([])
})
