import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { syncFolder, syncTree } from '../durable-files.ts'
import { siblingModule } from '../sibling-module.ts'
import { unpackFolder } from './folder-archive.ts'

/** The path of a database that is only in memory. */
export const inMemory = 'memory://'

/** Code that runs once needs no optimizing compiler: this saves a quarter of the CPU time of two cores. */
const hurried = ['--liftoff-only']

/**
 * Creates the files of an embedded database in `path`, unless they exist. They are created in another folder, synced and
 * then renamed, so that neither a crash nor a power cut leaves a partial database in `path`. Only one process at a time may create a database.
 *
 * @param prepared path of an archive of such files (folder-archive.ts); used if it exists
 * @throws the file system's error
 */
export async function makeEmbedded(path: string, prepared?: string): Promise<void> {
  if (path === inMemory || existsSync(path)) return
  const [folder, name] = [dirname(path), `${basename(path)}.new-`]
  for (const left of readdirSync(folder)) {
    if (left.startsWith(name)) rmSync(join(folder, left), { recursive: true, force: true })
  }
  const unfinished = mkdtempSync(join(folder, name))
  if (prepared && existsSync(prepared)) unpackFolder(readFileSync(prepared), unfinished)
  else await makeElsewhere(unfinished)
  syncTree(unfinished)
  renameSync(unfinished, path)
  syncFolder(folder)
}

/** Uses a child process: creating the files needs 400 MB more than using them, which this process would not free. */
async function makeElsewhere(folder: string): Promise<void> {
  const child = fork(siblingModule(import.meta.url, 'embedded-maker'), [folder], { execArgv: hurried })
  // The child does not react to events while it works, not even to a closed channel.
  const kill = () => child.kill('SIGKILL')
  process.prependOnceListener('exit', kill)
  const [code] = await once(child, 'exit')
  process.off('exit', kill)
  if (code !== 0) throw new Error(`the process that creates it ended with code ${code}`)
}
