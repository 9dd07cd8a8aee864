import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * The service as it is shipped, in a bundle: the sources use more memory. For a CPU profile, which names files, those.
 */
export const builtService = process.env.BENCH_PROFILE ? undefined : build()

/** By a process of its own: Linux counts the peak memory of whoever starts a process as that one's, too. */
function build(): string {
  execFileSync(process.execPath, [join(import.meta.dirname, 'build-service.ts')])
  return join(import.meta.dirname, 'built', 'service.js')
}
