import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tryService } from './try-service.ts'

/**
 * Packs the product, installs it in an empty folder as its users do, runs the demo from there, on this Node and on the
 * oldest that the package supports, and requests the service's pages. This finds files that the package lacks, and
 * paths that exist only in the checkout.
 */
const checkout = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'krafter-push-package-'))
const install = join(folder, 'install')
const program = join(install, 'node_modules', 'krafter-push', 'bin', 'krafter-push.js')
const env = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' }

/** Limit for the package with all its dependencies. PGlite alone takes 27 MB. */
const maxInstalledMb = 45
const oldestMajor = 22

const run = (cwd: string, command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd, env, stdio: 'inherit' })

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

/** On disk, in MB of 2^20 bytes. */
function sizeOf(path: string): number {
  return Number.parseInt(execFileSync('du', ['-sm', path], { encoding: 'utf8' }), 10)
}

/** Installs the newest Node of a major from npm. If that fails, it prints a line and returns undefined. */
function installNode(major: number): string | undefined {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const home = join(folder, `node-${major}`)
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
  try {
    run(home, 'npm', 'install', '--prefer-offline', '--no-save', `node-${platform}-${process.arch}@${major}`)
  } catch {
    process.stdout.write(`Node ${major} cannot be installed here: not tried\n`)
    return undefined
  }
  return globSync(join(home, 'node_modules', 'node-*', 'bin', 'node')).at(0)
}

/** The first Node on the PATH that was not installed by a package. */
function findSystemNode(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))
  return folders.flatMap((path) => globSync(join(path, 'node'))).at(0)
}

/** Runs on a Node that is new enough, and otherwise says which one it needs. */
function checkSystemNode(node: string): void {
  const { status, stdout, stderr } = spawnSync(node, [program, '--version'], { encoding: 'utf8' })
  const runs = status === 0 && /^\d+\.\d+\.\d+\n$/.test(stdout)
  check(runs || /^krafter-push: Node \S+ or later is needed/.test(stderr), `${node}: ${stdout}${stderr}`)
}

try {
  run(checkout, 'npm', 'pack', '--silent', '--pack-destination', folder)
  const [tarball] = globSync(join(folder, '*.tgz'))
  mkdirSync(install)
  writeFileSync(join(install, 'package.json'), '{ "private": true }\n')
  run(install, 'npm', 'install', '--prefer-offline', '--no-save', tarball!)

  const size = sizeOf(install)
  process.stdout.write(`\nInstalled: ${size} MB\n`)
  check(
    size < maxInstalledMb,
    `the package takes ${size} MB installed, and must stay below ${maxInstalledMb}`,
  )
  const files = globSync('**/*', { cwd: join(install, 'node_modules', 'krafter-push') })
  const unwanted = files.filter((name) => /\.d\.ts$|\.test\.js$|\.map$/.test(name))
  check(unwanted.length === 0, `the package has ${unwanted.slice(0, 3).join(', ')}`)
  const isPrepared = files.some((name) => /^prepared\/database-[0-9a-f]+\.gz$/.test(name))
  check(isPrepared, 'the package lacks the database that a first start begins with')
  check(files.includes('dist/THIRD-PARTY-LICENSES.txt'), 'the package lacks the licences of what it contains')

  run(install, 'npx', '--no-install', 'krafter-push', 'demo', '--subscribers', '50')
  await tryService(program)
  const oldest = installNode(oldestMajor)
  if (oldest) run(install, oldest, program, 'demo', '--subscribers', '50')
  const systemNode = findSystemNode()
  if (systemNode) checkSystemNode(systemNode)
  process.stdout.write('\nThe package installs, and its demo verifies.\n')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
