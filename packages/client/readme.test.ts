import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import * as client from './index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')

/** What a reader has by then. */
const before = `import { Krafter, ValidationError, type RegisterSubscriberRequest } from '@krafter-push/client'
declare const krafter: Krafter
declare const appId: string, webhookId: string
declare const devices: AsyncIterable<RegisterSubscriberRequest>
`

test('the examples of the README compile', () => {
  const folder = `${root}node_modules/.cache/client-readme`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!)
  expect(examples.length).toBeGreaterThan(5)
  for (const [i, code] of examples.entries()) {
    writeFileSync(`${folder}/example-${i}.ts`, code.startsWith('import') ? code : `${before}${code}`)
  }
  const compilerOptions = {
    noUnusedLocals: false,
    paths: { '@krafter-push/client': [`${root}packages/client/index.ts`] },
  }
  const config = { extends: `${root}tsconfig.json`, compilerOptions, include: ['*.ts'] }
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(config))
  const tsc = `${root}node_modules/typescript/bin/tsc`
  const check = () => execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  expect(check()).toBe('')
  // It would notice.
  writeFileSync(`${folder}/wrong.ts`, `${before}krafter.notifications.create(appId, { titel: 'x' })\n`)
  expect(check).toThrow()
})

test('the README names every method and every error', () => {
  const krafter = new client.Krafter({ url: 'http://localhost' })
  const methods = Object.values(krafter).flatMap((resource) => Object.keys(resource))
  const errors = Object.keys(client).filter(
    (name) => /(?<!Krafter|Api)Error$/.test(name) && /^[A-Z]/.test(name),
  )
  expect(errors.length).toBeGreaterThan(10)
  for (const name of [...methods, ...errors]) expect(readme).toContain(`\`${name}\``)
})
