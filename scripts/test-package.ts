import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Packs the product, installs it in an empty folder as its users do and plays the demo from there: what is missing in
 * the package, or named by a path that only the checkout has, shows here. What npm has in its cache is not asked for.
 */
const checkout = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'krafter-push-package-'))
const install = join(folder, 'install')
const env = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' }

const run = (cwd: string, command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd, env, stdio: 'inherit' })

/** The first Node on the path that no package has brought. */
function findSystemNode(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))
  return folders.flatMap((path) => globSync(join(path, 'node'))).at(0)
}

try {
  run(checkout, 'npm', 'pack', '--silent', '--pack-destination', folder)
  const [tarball] = globSync(join(folder, '*.tgz'))
  mkdirSync(install)
  writeFileSync(join(install, 'package.json'), '{ "private": true }\n')
  run(install, 'npm', 'install', '--prefer-offline', '--no-save', tarball!)
  run(install, 'npx', '--no-install', 'krafter-push', 'demo', '--subscribers', '50')
  // What a first start begins with, for this version.
  const built = join(install, 'node_modules', 'krafter-push', 'dist', 'src', 'prepared-database.js')
  const { preparedDatabasePath } = await import(built)
  if (!existsSync(preparedDatabasePath())) throw new Error(`${preparedDatabasePath()} is not in the package`)
  // One that is too old starts the bundled one.
  const systemNode = findSystemNode()
  const program = join(install, 'node_modules', 'krafter-push', 'bin', 'krafter-push.js')
  if (systemNode) run(install, systemNode, program, 'keys', '--help')
  process.stdout.write('\nThe package installs, and its demo verifies.\n')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
