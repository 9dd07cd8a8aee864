import { writeFileSync } from 'node:fs'
import { renderOpenapi } from './render-openapi.ts'

writeFileSync(new URL('../openapi.json', import.meta.url), await renderOpenapi())
