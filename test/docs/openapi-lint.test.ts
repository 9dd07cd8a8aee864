import { createConfig, lintFromString } from '@redocly/openapi-core'
import spectral from '@stoplight/spectral-core'
import rulesets from '@stoplight/spectral-rulesets'
import { expect, test } from 'vitest'
import { readDocument } from '../support/documents.ts'

// The linters of the command lines `@redocly/cli` and `@stoplight/spectral-cli`, without those.
const description = readDocument('openapi.json')

test('openapi.json is clean under the recommended rules of Redocly', async () => {
  const config = await createConfig({ extends: ['recommended'] })
  const problems = await lintFromString({ source: description, absoluteRef: '/openapi.json', config })
  const told = problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])
  expect(told).toEqual([])
})

test('openapi.json is clean under spectral:oas', async () => {
  const linter = new spectral.Spectral()
  linter.setRuleset({ extends: [[rulesets.oas as never, 'recommended']] })
  const problems = await linter.run(JSON.parse(description))
  expect(problems.map(({ code, message, path }) => [code, message, path.join('/')])).toEqual([])
})
