import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Pages that the service reads from the package's files only when they are requested. */
const pages = [
  '/',
  '/docs/',
  '/docs/guide/',
  '/docs/guide/search?q=webhook',
  '/metrics',
  '/openapi.json',
  '/readyz',
  '/sdk/krafter-push.js',
  '/sdk/krafter-push-sw.js',
]

/**
 * Starts an installed program in an empty data folder, requests each of its pages, and stops it.
 *
 * @throws Error when the program does not start, or a page is missing
 */
export async function tryService(program: string): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'krafter-push-try-'))
  const startedAt = performance.now()
  const child = spawn(process.execPath, [program, 'serve', '--port', '0', '--data-dir', data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  try {
    const seen: { text: string; firstMs?: number } = { text: '' }
    const listening = Promise.withResolvers<string>()
    child.stdout.on('data', (chunk) => {
      seen.firstMs ??= performance.now() - startedAt
      seen.text += chunk
      const url = /listens on (\S+)/.exec(seen.text)?.[1]
      if (url) listening.resolve(url)
    })
    const ended = exited.then(() => Promise.reject(new Error(`the service ended: ${seen.text}`)))
    const url = await Promise.race([listening.promise, ended])
    const listeningMs = performance.now() - startedAt
    for (const path of pages) {
      const { status } = await fetch(url + path, { headers: { accept: 'text/html, */*' } })
      if (status !== 200) throw new Error(`${path} was answered ${status}`)
    }
    process.stdout.write(
      `\nFirst start: first line after ${Math.round(seen.firstMs!)} ms, listens after ${Math.round(listeningMs)} ms\n`,
    )
  } finally {
    child.kill('SIGKILL')
    await exited
    rmSync(data, { recursive: true, force: true })
  }
}
