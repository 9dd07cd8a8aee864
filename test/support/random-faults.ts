import { seededRandom } from './seeded-random.ts'

/** What happens to a service at a random moment. */
export interface Fault {
  kind: 'kill' | 'stop' | 'cut database' | 'cut receiver'
  /** After the fault before it. */
  afterMs: number
  /** Of a stop and a cut. */
  lastsMs: number
  /** Which process, of those there are. */
  process: number
}

/** Each kind of fault so many times, in an order and at moments that follow from the seed. */
export function planFaults(seed: number, counts: Record<Fault['kind'], number>, processes: number): Fault[] {
  const random = seededRandom(seed)
  const kinds = Object.entries(counts).flatMap(([kind, count]) => Array<string>(count).fill(kind))
  const ordered = kinds.map((kind) => ({ kind, at: random() })).toSorted((a, b) => a.at - b.at)
  return ordered.map(({ kind }) => ({
    kind: kind as Fault['kind'],
    afterMs: Math.round(50 + 300 * random()),
    lastsMs: Math.round(50 + 700 * random()),
    process: Math.floor(processes * random()),
  }))
}
