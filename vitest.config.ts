import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { findMemoryFolder } from './test/support/memory-folder.ts'

/** Of the test processes, their threads and the services they start: each would compile the same again. */
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/node', import.meta.url))
const memory = findMemoryFolder()
if (memory) process.env.TMPDIR ??= memory

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'packages/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Half of the time the tests wait: for a retry's turn, a claim to lapse, a process to start.
    maxWorkers: 4,
    isolate: false,
    // PGlite is WebAssembly, which V8 would compile twice: none of it runs long enough here for that to pay. With room for
    // young objects from the start, less of them is copied: 6 % of the CPU.
    execArgv: ['--liftoff-only', '--min-semi-space-size=16'],
    // For machines that are many times slower, or busy: a test that waits goes on as soon as what it waits for is there.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
  },
})
