#!/usr/bin/env node
// Any Node must be able to read this file, so that one that is too old can say so.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const neededMajor = Number(/\d+/.exec(engines.node)[0])

if (Number.parseInt(process.versions.node, 10) >= neededMajor) {
  const compiled = new URL('../dist/src/main.js', import.meta.url)
  await import(existsSync(compiled) ? compiled.href : new URL('../src/main.ts', import.meta.url).href)
} else {
  const bundled = findBundledNode()
  if (bundled) runWith(bundled)
  else {
    console.error(
      `krafter-push: Node ${neededMajor} or later is needed, and this is ${process.version}: install it, or let npm run the install script of the package "node", which brings it along`,
    )
    process.exitCode = 1
  }
}

/** The Node that the dependency `node` has installed; undefined where install scripts were not run. */
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
