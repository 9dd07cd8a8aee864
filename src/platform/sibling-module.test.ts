import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { siblingModule } from './sibling-module.ts'

test.each(['ts', 'js'])('a module beside another has its ending: .%s', (ending) => {
  expect(siblingModule(`file:///a.dir/b.${ending}`, 'c').href).toBe(`file:///a.dir/c.${ending}`)
})

/** The compiler rewrites what is imported, and nothing else. */
const imported = /(?:\bfrom|\bimport|\bimport\()\s*'[^']+\.ts'/g

test('no source names a .ts file but to import it: compiled, there is none', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const sources = globSync(['src/**/*.ts', 'migrations/*.ts'], { cwd: root }).filter(
    (path) => !path.endsWith('.test.ts'),
  )
  expect(sources.length).toBeGreaterThan(100)
  const naming = sources.filter((path) => {
    const code = readFileSync(`${root}${path}`, 'utf8').replaceAll(imported, '')
    return /\.ts['"`]/.test(code.replaceAll(/^\s*(\*|\/\/|\/\*).*$/gm, ''))
  })
  expect(naming).toEqual([])
})
