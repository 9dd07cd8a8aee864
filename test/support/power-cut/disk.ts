import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Recorded } from './journal.ts'

interface File {
  kind: 'file'
  /** As at its last sync. */
  content: Buffer
  unsynced: Change[]
}

interface Folder {
  kind: 'folder'
  names: Map<string, Node>
  /** As at its last sync. */
  synced: Map<string, Node>
}

type Node = File | Folder

/** Bytes written to a place; without bytes, a new size. */
interface Change {
  at: number
  data: Buffer | undefined
}

/** What a power cut takes of what was not synced: all, or what the function picks; the rest was written by chance. */
export type Loss = 'all' | (() => boolean)

/** What a disk writes or loses at a time. */
const sectorBytes = 512

/** A disk on which the entries of a journal are repeated one by one. */
export interface Disk {
  apply(entry: Recorded): void
  /** Writes what is left after a power cut into an empty folder. */
  restore(folder: string, loss: Loss): void
}

/**
 * The strictest disk that a program should expect. The sync of a file saves its bytes and its name; the sync of a folder
 * saves what is new, renamed and removed in it.
 */
export function createDisk(): Disk {
  const root = newFolder()
  const opened = new Map<number, { node: Node; place: Place }>()

  const place = (path: string): Place => {
    const parts = path.split('/')
    const name = parts.pop()!
    const folder = parts.reduce((parent, part) => parent.names.get(part) as Folder, root)
    return { folder, name }
  }
  const open = (path: string) => {
    const { folder, name } = place(path)
    if (path && !folder.names.has(name))
      folder.names.set(name, { kind: 'file', content: Buffer.alloc(0), unsynced: [] })
    return { node: path ? folder.names.get(name)! : root, place: { folder, name } }
  }
  const change = (fd: number, at: number, data?: Buffer) =>
    void (opened.get(fd)!.node as File).unsynced.push({ at, data })

  return {
    apply(entry) {
      switch (entry.kind) {
        case 'open':
          opened.set(entry.fd, open(entry.path))
          if (entry.truncated) change(entry.fd, 0)
          return
        case 'write':
          return change(entry.fd, entry.at, entry.data)
        case 'resize':
          return change(entry.fd, entry.bytes)
        case 'sync': {
          const { node, place } = opened.get(entry.fd)!
          return sync(node, place)
        }
        case 'close':
          return void opened.delete(entry.fd)
        case 'folder': {
          const { folder, name } = place(entry.path)
          return void folder.names.set(name, newFolder())
        }
        case 'rename': {
          const [from, to] = [place(entry.path), place(entry.to)]
          to.folder.names.set(to.name, from.folder.names.get(from.name)!)
          return void from.folder.names.delete(from.name)
        }
        case 'remove': {
          const { folder, name } = place(entry.path)
          return void folder.names.delete(name)
        }
      }
    },
    restore(folder, loss) {
      // All folders as they were at one time: a rename is never done by half.
      restore(root, folder, loss, loss !== 'all' && loss() ? 'names' : 'synced')
    },
  }
}

interface Place {
  folder: Folder
  name: string
}

const newFolder = (): Folder => ({ kind: 'folder', names: new Map(), synced: new Map() })

function sync(node: Node, { folder, name }: Place): void {
  if (node.kind === 'folder') {
    node.synced = new Map(node.names)
    return
  }
  node.content = node.unsynced.reduce(changed, node.content)
  node.unsynced = []
  // Unless it was renamed or removed since it was opened.
  if (folder.names.get(name) === node) folder.synced.set(name, node)
}

function restore(from: Folder, to: string, loss: Loss, which: 'names' | 'synced'): void {
  for (const [name, node] of from[which]) {
    const path = join(to, name)
    if (node.kind === 'file') {
      writeFileSync(path, remains(node, loss), { mode: 0o600 })
    } else {
      mkdirSync(path, { mode: 0o700 })
      restore(node, path, loss, which)
    }
  }
}

function remains({ content, unsynced }: File, loss: Loss): Buffer {
  if (loss === 'all' || unsynced.length === 0) return content
  const sectors = unsynced.flatMap(({ at, data }) => (data ? cut(at, data) : [{ at, data }]))
  return sectors.filter(() => !loss()).reduce(changed, Buffer.from(content))
}

function cut(at: number, data: Buffer): Change[] {
  const starts = Array.from({ length: Math.ceil(data.length / sectorBytes) }, (_, n) => n * sectorBytes)
  return starts.map((start) => ({ at: at + start, data: data.subarray(start, start + sectorBytes) }))
}

/** Makes a change, where possible in `content` itself. */
function changed(content: Buffer, { at, data }: Change): Buffer {
  if (!data) return resized(content, at)
  const after = at + data.length > content.length ? resized(content, at + data.length) : content
  data.copy(after, at)
  return after
}

function resized(content: Buffer, bytes: number): Buffer {
  const after = Buffer.alloc(bytes)
  content.copy(after)
  return after
}
