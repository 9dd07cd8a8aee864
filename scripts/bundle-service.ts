import { isBuiltin } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OutputChunk, rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Modules that threads and processes of the service run: each is a file of its own, named like its source. */
const threads = [
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

/**
 * Bundles a program of the service and what it imports, libraries included, into few files.
 *
 * @param program its source, from the root; its bundle is named like it
 * @param dir a folder that is emptied before
 * @throws Error when a module is neither in the bundle nor installed with the package
 */
export async function bundleService(program: string, dir: string): Promise<OutputChunk[]> {
  const entries = [program, ...threads]
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(entries.map((path) => [basename(path).replace(/\.[jt]s$/, ''), path])),
    platform: 'node',
    external: [...installed, ...optional],
    // What CommonJS modules have of themselves.
    transform: { define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' } },
  })
  const { output } = await bundle.write({
    dir,
    cleanDir: true,
    format: 'esm',
    // Beside each other, because threads are looked for beside the module that starts them.
    chunkFileNames: '[name]-[hash].js',
    comments: false,
  })
  await bundle.close()
  const chunks = output.filter((file): file is OutputChunk => file.type === 'chunk')
  refuseMissing(chunks)
  return chunks
}

function refuseMissing(chunks: readonly OutputChunk[]): void {
  const own = new Set(chunks.map(({ fileName }) => fileName))
  const missing = chunks
    .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
    .filter(
      (name) => !own.has(name) && !isBuiltin(name) && !installed.includes(name) && !optional.includes(name),
    )
  if (missing.length > 0) {
    throw new Error(`not bundled, and not installed with the package: ${missing.join(', ')}`)
  }
}
