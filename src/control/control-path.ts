import { join, relative } from 'node:path'

/**
 * The path of the socket on which the process that owns the data folder answers the command line. The kernel limits
 * socket paths to about 100 bytes, so the shorter of the relative and the absolute path is used.
 */
export function controlPath(dataDir: string): string {
  const path = join(dataDir, 'control.sock')
  const fromHere = relative(process.cwd(), path)
  return fromHere.length < path.length ? fromHere : path
}
