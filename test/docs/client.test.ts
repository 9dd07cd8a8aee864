import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Krafter } from '../../packages/client/index.ts'
import { clientOperations, renderClientTypes } from '../../scripts/render-client-types.ts'
import { renderOpenapi } from '../../scripts/render-openapi.ts'

const document = JSON.parse(await renderOpenapi())

test('the types of packages/client are those of the description: npm run openapi makes them anew', () => {
  const path = new URL('../../packages/client/api-types.ts', import.meta.url)
  expect(readFileSync(path, 'utf8')).toBe(renderClientTypes(document))
})

/** A stream is not called but followed. */
const names: Record<string, string> = { stream: 'follow' }

test.each([...clientOperations(document)])('%s is a method of packages/client', async (route, operation) => {
  const group = operation['x-speakeasy-group']!
  const name = operation['x-speakeasy-name-override']!
  const krafter = new Krafter({ url: 'http://127.0.0.1:1', maxRetries: 0 })
  const resource = (krafter as unknown as Record<string, Record<string, unknown>>)[group]
  const how = `add it to packages/client/${group}.ts, as ${names[name] ?? name}`
  expect(resource?.[names[name] ?? name], how).toBeTypeOf('function')
  // The types make sure that a route in the sources exists.
  const source = readFileSync(new URL(`../../packages/client/${group}.ts`, import.meta.url), 'utf8')
  expect(source.includes(`'${route}'`), how).toBe(true)
})
