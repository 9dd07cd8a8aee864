import { writeFileSync } from 'node:fs'
import { renderSdk } from './render-sdk.ts'

for (const [name, code] of Object.entries(await renderSdk())) {
  writeFileSync(new URL(`../web/sdk/${name}`, import.meta.url), code)
}
