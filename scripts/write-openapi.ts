import { writeFileSync } from 'node:fs'
import { renderApiReference } from './render-api-reference.ts'
import { renderClientTypes } from './render-client-types.ts'
import { renderMcpReference } from './render-mcp-reference.ts'
import { renderOpenapi } from './render-openapi.ts'

const description = await renderOpenapi()
const write = (path: string, text: string) => writeFileSync(new URL(`../${path}`, import.meta.url), text)
write('openapi.json', description)
write('packages/client/api-types.ts', renderClientTypes(JSON.parse(description)))
write('docs/reference/api.md', renderApiReference(description))
write('docs/reference/mcp.md', renderMcpReference(JSON.parse(description)))
