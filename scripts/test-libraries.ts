import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Packs each library of packages/, lets others judge the tarball (publint, arethetypeswrong), installs it in an empty
 * folder as its users do, and runs test/packages/<library>.{mjs,cjs} there, with the Node that runs this script and the
 * oldest that the libraries support where it is installed. Names of libraries as arguments test only those.
 */
const checkout = fileURLToPath(new URL('..', import.meta.url))
const env = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' }

const run = (cwd: string, command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd, env, stdio: 'inherit' })

function testLibrary(library: string, folder: string): void {
  run(join(checkout, 'packages', library), 'npm', 'pack', '--silent', '--pack-destination', folder)
  const [tarball] = globSync(join(folder, '*.tgz'))
  run(folder, 'npx', '--yes', 'publint@0.3.25', '--strict', tarball!)
  // What is for browsers alone has no CommonJS to be judged.
  const profile = servesCommonJs(library) ? 'strict' : 'esm-only'
  run(
    folder,
    'npx',
    '--yes',
    '@arethetypeswrong/cli@0.18.5',
    '--format',
    'ascii',
    '--profile',
    profile,
    tarball!,
  )
  const files = execFileSync('tar', ['tzf', tarball!], { encoding: 'utf8' })
  if (!files.includes('package/LICENSE\n')) throw new Error(`${library}: the tarball has no licence`)
  const install = join(folder, 'install')
  mkdirSync(install)
  writeFileSync(join(install, 'package.json'), '{ "private": true }\n')
  run(install, 'npm', 'install', '--prefer-offline', '--no-save', tarball!)
  for (const consumer of globSync(join(checkout, 'test', 'packages', `${library}.*`))) {
    const copy = join(install, basename(consumer))
    // Copied, or its imports would be looked for in the checkout.
    run(install, 'cp', consumer, copy)
    for (const node of nodes) run(install, node, copy)
  }
}

function servesCommonJs(library: string): boolean {
  const manifest = readFileSync(join(checkout, 'packages', library, 'package.json'), 'utf8')
  return JSON.parse(manifest).exports['.'].require !== undefined
}

/** The Node of the checkout, and the system's, which may be as old as the libraries support. */
const systemNode = globSync('/usr/{local/,}bin/node').at(0)
const nodes = systemNode ? [process.execPath, systemNode] : [process.execPath]

const given = process.argv.slice(2)
const all = globSync('packages/*/package.json', { cwd: checkout }).map((path) => path.split('/')[1]!)
const withConsumers = all.filter(
  (library) => globSync(`test/packages/${library}.*`, { cwd: checkout }).length > 0,
)
for (const library of given.length > 0 ? given : withConsumers) {
  const folder = mkdtempSync(join(tmpdir(), `krafter-push-${library}-`))
  try {
    testLibrary(library, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
process.stdout.write('\nThe libraries install, and work for the modules that they serve.\n')
