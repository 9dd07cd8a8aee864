import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * The bundled service, as it is shipped, because the sources use more memory. For a CPU profile, which shows file
 * names, the sources run instead.
 */
export const builtService = process.env.BENCH_PROFILE ? undefined : build()

/** Builds in a separate process: on Linux a child process inherits the peak memory of the process that starts it. */
function build(): string {
  execFileSync(process.execPath, [join(import.meta.dirname, 'build-service.ts')])
  return join(import.meta.dirname, 'built', 'service.js')
}
