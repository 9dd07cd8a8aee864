import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleService } from './bundle-service.ts'
import { renderNotices } from './third-party-notices.ts'

/**
 * Creates `dist/`, which the package contains instead of the sources: the program and its imports in a few files.
 * Bundled libraries are not installed with the package.
 */
const dist = fileURLToPath(new URL('../dist', import.meta.url))

const chunks = await bundleService('src/main.ts', dist)
const notices = renderNotices(chunks.flatMap(({ moduleIds }) => moduleIds))
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), notices)
