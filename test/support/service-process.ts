import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const startTimeoutMs = 60_000
/** A third of a start is compiling, and the tests start dozens of processes. With these, they do not start twice. */
const quickStart = ['--liftoff-only', '--min-semi-space-size=16', '--max-semi-space-size=16']

/** Variables of the caller's that would change what a process under test does. */
const foreign = /^(PORT|HOST|DATABASE_URL|KRAFTER_.*|NODE_OPTIONS|VITEST.*)$/

function environment(env: Record<string, string>): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  // No proxy has to hear of a stop here.
  return { ...Object.fromEntries(inherited), KRAFTER_DRAIN_DELAY_MS: '0', ...env }
}

/** What a command printed and how it ended. */
export interface Finished {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** A command under way. */
export interface RunningCommand {
  /** What it has printed so far. */
  output: { stdout: string; stderr: string }
  /** As a terminal does it: to its children as well. */
  kill(signal: NodeJS.Signals): void
  finished: Promise<Finished>
}

/** Starts `krafter-push …`. */
export function startCommand(args: readonly string[], env: Record<string, string> = {}): RunningCommand {
  const child = spawn(process.execPath, [...quickStart, main, ...args], {
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const output = collect(child)
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  return {
    output,
    kill(signal) {
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, signal)
    },
    finished: ended.then(([code, signal]) => ({ code, signal, ...output })),
  }
}

/** Runs `krafter-push …` to its end. */
export async function runCommand(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Finished> {
  return startCommand(args, env).finished
}

/** A service in a process of its own. */
export interface ServiceProcess {
  url: string
  pid: number
  /** Printed on the first start only. */
  key: string | undefined
  output: { stdout: string; stderr: string }
  /** Sends a signal. */
  send(signal: NodeJS.Signals): void
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/**
 * Starts `krafter-push serve` on a free port and waits until it listens.
 *
 * @param options `ca`: trusted by the process through NODE_EXTRA_CA_CERTS, PEM; `nodeArgs`: instead of those that make
 *   a start quick
 * @throws with what it printed when it ends instead
 */
export async function startServiceProcess(
  env: Record<string, string>,
  options: { ca?: string; args?: readonly string[]; nodeArgs?: readonly string[] } = {},
): Promise<ServiceProcess> {
  const { args = [], nodeArgs = quickStart } = options
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-ca-'))
  const caFile = join(folder, 'ca.pem')
  if (options.ca) writeFileSync(caFile, options.ca)
  const child = spawn(process.execPath, [...nodeArgs, main, 'serve', ...args], {
    env: environment({ PORT: '0', ...(options.ca ? { NODE_EXTRA_CA_CERTS: caFile } : {}), ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collect(child)
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  ended.then(() => rmSync(folder, { recursive: true, force: true }))
  await listening(child, output, ended)
  return {
    pid: child.pid!,
    url: /listens on (\S+)/.exec(output.stdout)?.[1] ?? '',
    key: /kr_live_\S{43}/.exec(output.stdout)?.[0],
    output,
    send: (signal) => void child.kill(signal),
    async end(signal) {
      child.kill(signal)
      const [code, endedBy] = await ended
      return { code, signal: endedBy }
    },
  }
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk
    })
  }
  return output
}

async function listening(
  child: ChildProcess,
  output: { stdout: string; stderr: string },
  ended: Promise<unknown>,
): Promise<void> {
  const timeout = AbortSignal.timeout(startTimeoutMs)
  while (!/Krafter Push (listens on|runs as).*\n/.test(output.stdout)) {
    const more = once(child.stdout!, 'data', { signal: timeout })
    const first = await Promise.race([more.then(() => 'more'), ended.then(() => 'ended')])
    if (first === 'ended') throw new Error(`the service ended: ${output.stderr || output.stdout}`)
  }
}
