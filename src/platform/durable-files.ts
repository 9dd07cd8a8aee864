import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A folder that this user may not read, or a system or file system that syncs no folders: PostgreSQL ignores them, too. */
const unsyncable = new Set(['EACCES', 'EPERM', 'EISDIR', 'EINVAL', 'EBADF'])

/**
 * Makes the names in a folder survive a power cut: those of new and renamed files and folders.
 *
 * @throws the file system's error
 */
export function syncFolder(folder: string): void {
  try {
    syncPath(folder)
  } catch (error) {
    if (!unsyncable.has((error as NodeJS.ErrnoException).code!)) throw error
  }
}

/**
 * Makes everything in a folder survive a power cut, but not the folder's own name.
 *
 * @throws the file system's error
 */
export function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const sync = entry.isDirectory() ? syncFolder : syncPath
    sync(join(entry.parentPath, entry.name))
  }
  syncFolder(folder)
}

function syncPath(path: string): void {
  const opened = openSync(path, 'r')
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}
