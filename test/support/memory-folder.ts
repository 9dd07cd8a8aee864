import { existsSync, readFileSync, statfsSync } from 'node:fs'

const folder = '/dev/shm'
/** The databases of a run take about 1 GiB. */
const neededBytes = 2 * 2 ** 30

/**
 * A folder in memory for the files of a run, if there is one: an embedded database has 700 of them, and on a disk to make
 * and remove those takes up to ten times the CPU.
 */
export function findMemoryFolder(): string | undefined {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : []
  // A container's has 64 MB, and runs no programs.
  const usable = mounts.some((mount) => mount.includes(` ${folder} tmpfs rw,`) && !mount.includes('noexec'))
  if (!usable) return undefined
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize >= neededBytes ? folder : undefined
}
