#!/usr/bin/env node
// Any Node must be able to read this file, so that one that is too old can say so.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const needed = /\d+(\.\d+)?/.exec(engines.node)[0]

if (isAtLeast(process.versions.node, needed)) {
  silenceSqliteWarning()
  const built = new URL('../dist/main.js', import.meta.url)
  await import(existsSync(built) ? built.href : new URL('../src/main.ts', import.meta.url).href)
} else {
  const bundled = findBundledNode()
  if (bundled) runWith(bundled)
  else {
    console.error(`krafter-push: Node ${needed} or later is needed, and this is ${process.version}`)
    process.exitCode = 1
  }
}

function isAtLeast(version, least) {
  const [major, minor = 0] = version.split('.').map(Number)
  const [leastMajor, leastMinor = 0] = least.split('.').map(Number)
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
}

/** Node 22 and 24 call their SQLite, which locks the data folder, experimental. Users can do nothing about it. */
function silenceSqliteWarning() {
  const { emitWarning } = process
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).startsWith('SQLite is')) emitWarning.call(process, warning, ...rest)
  }
}

/** The Node of a checkout (the dev dependency `node`); undefined in a package, and without install scripts. */
function findBundledNode() {
  try {
    const path = createRequire(import.meta.url).resolve('node/bin/node')
    return realpathSync(path) === realpathSync(process.execPath) ? undefined : path
  } catch {
    return undefined
  }
}

/** Starts over with another Node and ends as it does. A terminal signals both; what others signal is passed on. */
function runWith(node) {
  const script = fileURLToPath(import.meta.url)
  const child = spawn(node, [...process.execArgv, script, ...process.argv.slice(2)], { stdio: 'inherit' })
  const byTerminal = process.stdin.isTTY ? ['SIGINT', 'SIGHUP'] : []
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => byTerminal.includes(signal) || child.kill(signal))
  }
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}
