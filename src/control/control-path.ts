import { join, relative } from 'node:path'

/**
 * Where the process that has the data folder answers the command line. The kernel takes some 100 bytes for the name of
 * a socket, so it is spelt the shorter way.
 */
export function controlPath(dataDir: string): string {
  const path = join(dataDir, 'control.sock')
  const fromHere = relative(process.cwd(), path)
  return fromHere.length < path.length ? fromHere : path
}
