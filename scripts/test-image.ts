import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type BuiltStage, buildStages } from './image-stages.ts'

/**
 * Builds the stages of the Dockerfile in a folder, without an engine, and measures how much they add to the base image.
 * As root on Linux it also runs the last stage as an engine would: with only its own file system, read-only except for
 * its volumes, and with its user, its variables, its own network and its own process numbers. The base image is not
 * available, so Node and the C libraries that Node needs replace it.
 */
const checkout = fileURLToPath(new URL('..', import.meta.url))
/** Limit for a pull: the compressed size that the registry transfers. */
const maxCompressedMb = 150
/** The base image without Node: glibc, libstdc++, OpenSSL, certificates, time zones. An upper bound, not measured. */
const restOfBaseMb = 20
const startTimeoutMs = 60_000

const folder = mkdtempSync(join(tmpdir(), 'krafter-push-image-'))
const say = (text: string) => process.stdout.write(`${text}\n`)

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

/** Installs the base image's version of Node from npm. */
function installNode(base: string): string {
  const [, major] = /nodejs(\d+)-/.exec(base) ?? []
  const home = join(folder, 'node')
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
  const name = `node-${process.platform}-${process.arch}@${major}`
  execFileSync('npm', ['install', '--prefer-offline', '--no-save', name], { cwd: home, stdio: 'inherit' })
  return globSync(join(home, 'node_modules', 'node-*', 'bin', 'node'))[0]!
}

/** The size of a layer as it is transferred (archived, then compressed), in MB of 2^20 bytes. */
function compressedMb(parent: string, path: string): number {
  const pipe = 'tar -C "$1" --sort=name -c "$2" | gzip -6 | wc -c'
  return Number(execFileSync('sh', ['-ec', pipe, 'sh', parent, path], { encoding: 'utf8' })) / 2 ** 20
}

const unpackedMb = (path: string) =>
  Number.parseInt(execFileSync('du', ['-sm', path], { encoding: 'utf8' }), 10)

function measure(image: BuiltStage, node: string): void {
  const layers = compressedMb(image.root, '.')
  const nodeAlone = compressedMb(dirname(node), 'node')
  const total = Math.ceil(layers + nodeAlone + restOfBaseMb)
  say(`Added layers: ${layers.toFixed(1)} MB compressed, ${unpackedMb(image.root)} MB unpacked`)
  say(`Node in the base image: ${nodeAlone.toFixed(1)} MB compressed, ${unpackedMb(node)} MB unpacked`)
  say(`A pull: ${total} MB at most, ${restOfBaseMb} MB of them for the rest of the base image (not measured)`)
  check(total < maxCompressedMb, `a pull takes ${total} MB, and must stay below ${maxCompressedMb}`)
}

/** Adds the parts of the base image that the service needs: Node, and its C libraries where the loader finds them. */
function addBase({ root }: BuiltStage, node: string): void {
  const libraries = execFileSync('ldd', [node], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)
  const files = [...libraries].map(([, path]) => [path!, path!])
  for (const [from, to] of [...files, [node, '/nodejs/bin/node'], ['/etc/hosts', '/etc/hosts']]) {
    mkdirSync(dirname(join(root, to!)), { recursive: true })
    copyFileSync(from!, join(root, to!))
  }
  for (const name of ['proc', 'dev']) mkdirSync(join(root, name))
}

const ids = ({ user }: BuiltStage) => user.split(':').map(Number) as [number, number]
const identity = (stage: BuiltStage) => ['--setuid', String(ids(stage)[0]), '--setgid', String(ids(stage)[1])]

const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child']

/** Starts the command of the last stage. */
function start(stage: BuiltStage): ChildProcess {
  const script = `root=$1; volumes=$2; shift 2
ip link set lo up
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
for volume in $volumes; do mount --bind "$root$volume" "$root$volume"; done
mount -o remount,bind,ro "$root"
exec nsenter --root="$root" "$@"`
  for (const volume of stage.volumes) chownSync(join(stage.root, volume), ...ids(stage))
  const inside = [`--wd=${stage.root}${stage.workingDirectory}`, ...identity(stage)]
  const shell = ['sh', '-ec', script, 'sh', stage.root, stage.volumes.join(' ')]
  return spawn('unshare', [...namespaces, ...shell, ...inside, ...stage.entrypoint, ...stage.command], {
    env: stage.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** The first process in the namespace that `unshare` created. */
const childOf = (pid: number) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()

/** Runs a command in the service's container, like `docker exec` or the engine's health check. */
function execute(stage: BuiltStage, pid: string, command: readonly string[]) {
  const where = ['--target', pid, '--mount', '--net', '--root', '--wd', ...identity(stage)]
  return spawnSync('nsenter', [...where, ...command], { env: stage.env, encoding: 'utf8' })
}

async function run(stage: BuiltStage): Promise<void> {
  const began = Date.now()
  const unshare = start(stage)
  const ended = once(unshare, 'exit')
  let output = ''
  unshare.stdout!.setEncoding('utf8').on('data', (text) => (output += text))
  try {
    const isHealthy = () => execute(stage, childOf(unshare.pid!), stage.healthCheck).status === 0
    while (!isHealthy()) {
      check(unshare.exitCode === null, `the service ended: ${output}`)
      check(Date.now() < began + startTimeoutMs, `the service is not healthy: ${output}`)
      await sleep(200)
    }
    say(`Healthy after ${Date.now() - began} ms as ${stage.user}, on a read-only file system`)
    const pid = childOf(unshare.pid!)
    const touch = ['/nodejs/bin/node', '-e', "fs.writeFileSync('/app/written', '')"]
    check(/EROFS/.test(execute(stage, pid, touch).stderr), 'the file system of the image is not read-only')
    const keys = execute(stage, pid, [...stage.entrypoint, 'keys', 'list'])
    check(keys.status === 0, `keys list failed: ${keys.stdout}${keys.stderr}`)
    process.kill(Number(pid), 'SIGTERM')
    const [code] = await ended
    check(code === 0 && output.includes('service.stopped'), `it ended with ${code}: ${output}`)
    say('SIGTERM drained it, and it ended with 0')
  } finally {
    unshare.kill('SIGKILL')
  }
}

try {
  const image = buildStages(checkout, folder)
  const node = installNode(image.base)
  measure(image, node)
  if (spawnSync('unshare', [...namespaces, 'mount', '-t', 'proc', 'proc', '/proc']).status === 0) {
    addBase(image, node)
    await run(image)
  } else say('Not run: that takes root on Linux, with namespaces')
  say(`Not tried here: ${image.base} itself, and an engine`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
