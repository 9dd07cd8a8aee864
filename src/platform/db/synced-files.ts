import { fdatasyncSync, fsyncSync } from 'node:fs'
import type { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'

/** The part of Emscripten's NODEFS, PGlite's file system on disks, that this module uses and completes. */
interface NodeFiles {
  stream_ops: { fsync?: (stream: Stream) => number }
  /** Runs a function of `node:fs`, and turns its error into one that PostgreSQL understands. */
  tryFSOperation(run: () => void): void
}

interface Stream {
  /** Node's number of the open file or folder. */
  nfd: number
  node: { isFolder: boolean }
}

/** PostgreSQL's settings that sync its files. With the default `fdatasync`, Emscripten's system call does nothing. */
export const syncSettings = ['fsync=on', 'wal_sync_method=fsync'] as const

/**
 * The files of an embedded database, in a folder on a disk. The `fsync` of PGlite's own `NodeFS` does nothing and reports
 * success. Here it syncs, so PostgreSQL's rules hold: the write-ahead log is on the disk before a commit is acknowledged,
 * and the tables are before the log that could restore them is reused.
 *
 * @returns the option `fs` of PGlite, which fails to start with a version of PGlite that this does not fit; and the number
 *   of syncs so far
 */
export function openSyncedFiles(folder: string): { fs: NodeFS; synced: () => number } {
  const fs = new NodeFS(folder)
  const init = fs.init.bind(fs)
  let synced = 0
  const sync = ({ nfd, node }: Stream) => {
    // `fdatasync` does not write the time of the last change. It is for files only: a folder's names are more than data.
    if (node.isFolder) fsyncSync(nfd)
    else fdatasyncSync(nfd)
    synced += 1
  }
  fs.init = (pglite: PGlite, options: Parameters<NodeFS['init']>[1]) => {
    const addFsync = ({ NODEFS }: { NODEFS: unknown }) => {
      const { stream_ops: operations, tryFSOperation } = NODEFS as NodeFiles
      if (operations.fsync || !tryFSOperation)
        throw new Error('this version of PGlite keeps its files in an unknown way')
      operations.fsync = (stream) => {
        tryFSOperation(() => sync(stream))
        return 0
      }
    }
    return init(pglite, { ...options, preRun: [...(options.preRun ?? []), addFsync] })
  }
  return { fs, synced: () => synced }
}
