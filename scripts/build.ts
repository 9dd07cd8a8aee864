import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleService } from './bundle-service.ts'
import { renderNotices } from './third-party-notices.ts'

/**
 * Makes `dist/`, which the package has in place of the sources: the program and what it imports in few files. The
 * libraries in it are not installed besides.
 */
const dist = fileURLToPath(new URL('../dist', import.meta.url))

const chunks = await bundleService('src/main.ts', dist)
const notices = renderNotices(chunks.flatMap(({ moduleIds }) => moduleIds))
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), notices)
