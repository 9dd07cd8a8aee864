import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { gunzipSync, gzipSync } from 'node:zlib'

/** A file or, without content, a folder; its path is relative to the archive's. */
interface Entry {
  path: string
  content: Uint8Array | undefined
}

/** All that is in a folder in one compressed file; empty folders too, which packages of npm leave out. */
export function packFolder(folder: string): Buffer {
  const found = readdirSync(folder, { withFileTypes: true, recursive: true })
  const entries = found.map((entry): Entry => {
    const path = join(entry.parentPath, entry.name)
    // Copied: a buffer may be a view into a pool that all small ones share.
    const content = entry.isDirectory() ? undefined : Uint8Array.from(readFileSync(path))
    return { path: path.slice(folder.length + 1), content }
  })
  return gzipSync(serialize(entries))
}

/**
 * Writes what {@link packFolder} packed into a folder that exists, for the owner only.
 *
 * @throws the file system's error
 */
export function unpackFolder(archive: Buffer, folder: string): void {
  const entries: Entry[] = deserialize(gunzipSync(archive))
  for (const { path } of entries.filter(({ content }) => !content)) {
    mkdirSync(join(folder, path), { recursive: true, mode: 0o700 })
  }
  for (const { path, content } of entries) {
    if (content) writeFileSync(join(folder, path), content, { mode: 0o600 })
  }
}
