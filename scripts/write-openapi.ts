import { writeFileSync } from 'node:fs'
import { renderClientTypes } from './render-client-types.ts'
import { renderOpenapi } from './render-openapi.ts'

const description = await renderOpenapi()
writeFileSync(new URL('../openapi.json', import.meta.url), description)
writeFileSync(
  new URL('../packages/client/api-types.ts', import.meta.url),
  renderClientTypes(JSON.parse(description)),
)
