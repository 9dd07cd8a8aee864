import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { gunzipSync, gzipSync } from 'node:zlib'

/** A file or, without content, a folder. The path is relative to the packed folder. */
interface Entry {
  path: string
  content: Uint8Array | undefined
}

/** Packs a folder into one compressed file, including empty folders, which npm packages omit. */
export function packFolder(folder: string): Buffer {
  const found = readdirSync(folder, { withFileTypes: true, recursive: true })
  const entries = found.map((entry): Entry => {
    const path = join(entry.parentPath, entry.name)
    // Copied, because a small buffer may be a view into a shared pool.
    const content = entry.isDirectory() ? undefined : Uint8Array.from(readFileSync(path))
    return { path: path.slice(folder.length + 1), content }
  })
  return gzipSync(serialize(entries))
}

/**
 * Unpacks an archive of {@link packFolder} into an existing folder. Only the owner can access the files.
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
