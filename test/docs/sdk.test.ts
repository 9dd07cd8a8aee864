import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { renderSdk } from '../../scripts/render-sdk.ts'

test('web/sdk/ is what packages/browser makes: npm run sdk', async () => {
  for (const [name, code] of Object.entries(await renderSdk())) {
    expect(readFileSync(new URL(`../../web/sdk/${name}`, import.meta.url), 'utf8'), name).toBe(code)
  }
})
