import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { siblingModule } from '../sibling-module.ts'
import { unpackFolder } from './folder-archive.ts'

/** What runs once is compiled quickly rather than well: a quarter less of two cores. */
const hurried = ['--liftoff-only']

/**
 * Makes the files of an embedded database in `path`, unless they are there: elsewhere first, so that a crash leaves no
 * half of them where a whole is looked for. Only one process at a time may make those of a folder.
 *
 * @param prepared an archive of such files (folder-archive.ts), if it is there
 * @throws whatever the file system has against it
 */
export async function makeEmbedded(path: string, prepared?: string): Promise<void> {
  if (existsSync(path)) return
  const [folder, name] = [dirname(path), `${basename(path)}.new-`]
  for (const left of readdirSync(folder)) {
    if (left.startsWith(name)) rmSync(join(folder, left), { recursive: true, force: true })
  }
  const unfinished = mkdtempSync(join(folder, name))
  if (prepared && existsSync(prepared)) unpackFolder(readFileSync(prepared), unfinished)
  else await makeElsewhere(unfinished)
  renameSync(unfinished, path)
}

/** In a process of its own: making the files takes 400 MB more than using them, which this process would keep. */
async function makeElsewhere(folder: string): Promise<void> {
  const child = fork(siblingModule(import.meta.url, 'embedded-maker'), [folder], { execArgv: hurried })
  // It hears nothing while it works, a closed channel included.
  const kill = () => child.kill('SIGKILL')
  process.prependOnceListener('exit', kill)
  const [code] = await once(child, 'exit')
  process.off('exit', kill)
  if (code !== 0) throw new Error(`the process that creates it ended with code ${code}`)
}
