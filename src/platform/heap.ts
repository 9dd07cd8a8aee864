import { setFlagsFromString } from 'node:v8'

/**
 * Lets the heap grow by half between collections, where V8 would let it grow fourfold on a machine with memory to
 * spare. Sending 100,000 pushes then peaks 110 MB lower, for a collection of 30 ms every three seconds. For the whole
 * process: the command line's business, not the service's.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=50')
}
