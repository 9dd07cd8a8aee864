import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

/** The page of packages/browser/test/, as an application's bundler makes it. */
export async function bundlePage(): Promise<string> {
  const input = fileURLToPath(new URL('../../packages/browser/test/react-page.ts', import.meta.url))
  const bundle = await rolldown({
    input,
    platform: 'browser',
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  })
  const { output } = await bundle.generate({ format: 'es', minify: true })
  await bundle.close()
  return output[0].code
}
