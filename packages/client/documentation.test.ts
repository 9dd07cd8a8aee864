import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as client from './index.ts'

const page = readFileSync(new URL('../../docs/reference/client.md', import.meta.url), 'utf8')

test('docs/reference/client.md names every method and every error', () => {
  const krafter = new client.Krafter({ url: 'http://localhost' })
  const methods = Object.values(krafter).flatMap((resource) => Object.keys(resource))
  const errors = Object.keys(client).filter(
    (name) => /(?<!Krafter|Api)Error$/.test(name) && /^[A-Z]/.test(name),
  )
  expect(errors.length).toBeGreaterThan(10)
  for (const name of [...methods, ...errors]) expect(page).toContain(`\`${name}\``)
})
