/** What a process did to files below its root folder, in order. Paths are relative to that folder; `''` is the folder. */
export type Entry =
  | { kind: 'open'; fd: number; path: string; truncated: boolean }
  | { kind: 'write'; fd: number; at: number }
  | { kind: 'resize'; fd: number; bytes: number }
  | { kind: 'sync'; fd: number }
  | { kind: 'close'; fd: number }
  | { kind: 'folder'; path: string }
  | { kind: 'rename'; path: string; to: string }
  | { kind: 'remove'; path: string }
  /** The process was told that this pair of rows is committed. */
  | { kind: 'acknowledged'; number: number }

/** An entry, and the bytes of a `write`. */
export type Recorded = Entry & { data: Buffer }

const lengths = 8

/** One entry as bytes, to append to a journal. */
export function pack(entry: Entry, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.from(JSON.stringify(entry))
  const sizes = Buffer.alloc(lengths)
  sizes.writeUInt32LE(head.length, 0)
  sizes.writeUInt32LE(data.length, 4)
  return Buffer.concat([sizes, head, data])
}

/** Reads a journal, up to an entry whose writing was interrupted. */
export function unpack(journal: Buffer): Recorded[] {
  const entries: Recorded[] = []
  for (let at = 0; at + lengths <= journal.length; ) {
    const head = at + lengths
    const data = head + journal.readUInt32LE(at)
    const next = data + journal.readUInt32LE(at + 4)
    if (next > journal.length) break
    entries.push({ ...JSON.parse(journal.toString('utf8', head, data)), data: journal.subarray(data, next) })
    at = next
  }
  return entries
}
