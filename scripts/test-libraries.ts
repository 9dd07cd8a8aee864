import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/**
 * Packs each library of packages/, checks the tarball with publint and arethetypeswrong, and installs it in an empty
 * folder as its users do. There it runs test/packages/<library>.{mjs,cjs} against a running service, on several
 * versions of Node: the one that runs this script, the oldest that the libraries support if it is installed, and the
 * versions between them from npm. Pass names of libraries as arguments to test only those.
 */
const checkout = fileURLToPath(new URL('..', import.meta.url))
const env: NodeJS.ProcessEnv = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' }

const run = (cwd: string, command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd, env, stdio: 'inherit' })

function testLibrary(library: string, folder: string): void {
  run(join(checkout, 'packages', library), 'npm', 'pack', '--silent', '--pack-destination', folder)
  const [tarball] = globSync(join(folder, '*.tgz'))
  run(folder, 'npx', '--yes', 'publint@0.3.25', '--strict', tarball!)
  // Libraries for browsers only have no CommonJS build to check.
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
    // Copied, because otherwise its imports would be resolved in the checkout.
    run(install, 'cp', consumer, copy)
    for (const node of nodes) run(install, node, copy)
  }
}

function servesCommonJs(library: string): boolean {
  const manifest = readFileSync(join(checkout, 'packages', library, 'package.json'), 'utf8')
  return JSON.parse(manifest).exports['.'].require !== undefined
}

const work = mkdtempSync(join(tmpdir(), 'krafter-push-libraries-'))

/** Installs a version of Node from npm, and returns its program. */
function installNode(major: number): string {
  const folder = join(work, `node-${major}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  run(folder, 'npm', 'install', '--silent', '--prefer-offline', '--no-save', `node@${major}`)
  return join(folder, 'node_modules', 'node', 'bin', 'node')
}

/** Starts the service of the checkout on a free port, and waits until it is ready. */
async function startService() {
  const key = `kr_live_${randomBytes(32).toString('base64url')}`
  const port = String(20_000 + (process.pid % 10_000))
  const child = spawn(process.execPath, [join(checkout, 'src/main.ts'), 'serve'], {
    env: {
      PATH: process.env.PATH,
      PORT: port,
      KRAFTER_DATA_DIR: join(work, 'data'),
      KRAFTER_BOOTSTRAP_API_KEY: key,
      KRAFTER_LOG_LEVEL: 'error',
    },
    stdio: 'inherit',
  })
  const url = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  for (let second = 0; !(await isReady()); second++) {
    if (child.exitCode !== null || second > 60) throw new Error('the service did not start')
    await sleep(1_000)
  }
  return { url, key, stop: () => child.kill('SIGKILL') }
}

const systemNode = globSync('/usr/{local/,}bin/node').at(0)
const nodes = [process.execPath, ...[24, 22].map(installNode), ...(systemNode ? [systemNode] : [])]

const given = process.argv.slice(2)
const all = globSync('packages/*/package.json', { cwd: checkout }).map((path) => path.split('/')[1]!)
const withConsumers = all.filter(
  (library) => globSync(`test/packages/${library}.*`, { cwd: checkout }).length > 0,
)
const service = await startService()
Object.assign(env, { KRAFTER_PUBLIC_URL: service.url, KRAFTER_API_KEY: service.key })

try {
  for (const library of given.length > 0 ? given : withConsumers) {
    const folder = join(work, library)
    mkdirSync(folder)
    testLibrary(library, folder)
  }
} finally {
  service.stop()
  rmSync(work, { recursive: true, force: true })
}
process.stdout.write('\nThe libraries install, and work for the modules that they serve.\n')
