import { writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OutputChunk, rolldown } from 'rolldown'
import { renderNotices } from './third-party-notices.ts'

/**
 * Makes `dist/`, which the package has in place of the sources: the program and what it imports in few files. The
 * libraries in it are not installed besides.
 */
const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

/** A program, and modules that threads and processes run: each is a file of its own, named like its source. */
const entries = [
  'src/main.ts',
  'src/platform/db/embedded-thread.ts',
  'src/platform/db/embedded-maker.ts',
  'src/channels/web-push/encrypt-worker.ts',
  // Piscina starts its threads with this file, beside its own.
  'node_modules/piscina/dist/worker.js',
]
/** Installed: PGlite finds its WebAssembly and its data beside itself. */
const installed = ['@electric-sql/pglite']
/** Native, and used where somebody has installed them. */
const optional = ['pg-native', '@napi-rs/nice']

const bundle = await rolldown({
  cwd: root,
  input: Object.fromEntries(entries.map((path) => [basename(path).replace(/\.[jt]s$/, ''), path])),
  platform: 'node',
  external: [...installed, ...optional],
  // What CommonJS modules have of themselves.
  transform: { define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' } },
})
const { output } = await bundle.write({
  dir: dist,
  cleanDir: true,
  format: 'esm',
  // Beside each other, because threads are looked for beside the module that starts them.
  chunkFileNames: '[name]-[hash].js',
  comments: false,
})
await bundle.close()

const chunks = output.filter((file): file is OutputChunk => file.type === 'chunk')
const own = new Set(chunks.map(({ fileName }) => fileName))
const missing = chunks
  .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
  .filter(
    (name) => !own.has(name) && !isBuiltin(name) && !installed.includes(name) && !optional.includes(name),
  )
if (missing.length > 0)
  throw new Error(`not bundled, and not installed with the package: ${missing.join(', ')}`)

const notices = renderNotices(chunks.flatMap(({ moduleIds }) => moduleIds))
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), notices)
