import { isBuiltin } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OutputChunk, rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Modules that the service's threads and processes run. Each is bundled into its own file, named like its source. */
const threads = [
  'src/platform/db/embedded-thread.ts',
  'src/platform/db/embedded-maker.ts',
  'src/channels/web-push/encrypt-worker.ts',
  // Piscina starts its threads with this file, which it looks for in its own folder.
  'node_modules/piscina/dist/worker.js',
]
/** Installed instead of bundled: PGlite looks for its WebAssembly and its data in its own folder. */
const installed = ['@electric-sql/pglite']
/** Native modules, which are used only if they are installed. */
const optional = ['pg-native', '@napi-rs/nice']

/**
 * Bundles a program of the service and its imports, including libraries, into a few files.
 *
 * @param program path of its source, from the root; its bundle has the same name
 * @param dir the output folder, which is emptied first
 * @throws Error when a module is neither in the bundle nor installed with the package
 */
export async function bundleService(program: string, dir: string): Promise<OutputChunk[]> {
  const entries = [program, ...threads]
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(entries.map((path) => [basename(path).replace(/\.[jt]s$/, ''), path])),
    platform: 'node',
    external: [...installed, ...optional],
    // Variables that CommonJS modules expect and ES modules lack.
    transform: { define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' } },
  })
  const { output } = await bundle.write({
    dir,
    cleanDir: true,
    format: 'esm',
    // A single character outside Latin-1 makes V8 store the file's text with two bytes per character.
    charset: 'ascii',
    // All chunks are in one folder, because a thread's file is looked for beside the module that starts it.
    chunkFileNames: '[name]-[hash].js',
    comments: false,
  })
  await bundle.close()
  const chunks = output.filter((file): file is OutputChunk => file.type === 'chunk')
  refuseMissing(chunks)
  refuseWideText(chunks)
  return chunks
}

function refuseWideText(chunks: readonly OutputChunk[]): void {
  const wide = chunks.filter(({ code }) => /[^\0-\xff]/.test(code)).map(({ fileName }) => fileName)
  if (wide.length > 0) throw new Error(`contain characters outside Latin-1: ${wide.join(', ')}`)
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
