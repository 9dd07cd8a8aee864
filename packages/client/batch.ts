import { toPromise } from './call.ts'
import type { RequestOptions } from './options.ts'

/**
 * A batch of any length, sent in as many requests as it takes, one after the other: await it for all results, or iterate
 * over it for the results in the order of the rows as they come. Nothing is sent before that.
 *
 * A request that fails ends it: the rows after it are not sent. Whoever iterates has the results until then.
 */
export interface Batch<Result> extends Promise<Result[]>, AsyncIterable<Result> {}

export interface BatchLimits {
  rows: number
  /** Of a request's body, in bytes of JSON. */
  bytes: number
}

/** @param sendChunk sends rows within the limits */
export function toBatch<Row, Result>(
  rows: Iterable<Row> | AsyncIterable<Row>,
  limits: BatchLimits,
  options: RequestOptions = {},
  sendChunk: (chunk: Row[], options: RequestOptions) => Promise<Result[]>,
): Batch<Result> {
  async function* results() {
    const { idempotencyKey: key } = options
    let index = 0
    for await (const chunk of cutChunks(rows, limits)) {
      const idempotencyKey = key === undefined ? undefined : `${key}-${index}`
      yield* await sendChunk(chunk, { ...options, idempotencyKey })
      index += 1
    }
  }
  const collect = async () => {
    const all: Result[] = []
    for await (const result of results()) all.push(result)
    return all
  }
  let collected: Promise<Result[]> | undefined
  return {
    // Asked for twice, sent once.
    ...toPromise(() => (collected ??= collect())),
    [Symbol.asyncIterator]: results,
  }
}

async function* cutChunks<Row>(
  rows: Iterable<Row> | AsyncIterable<Row>,
  limits: BatchLimits,
): AsyncGenerator<Row[]> {
  const encoder = new TextEncoder()
  let chunk: Row[] = []
  let bytes = 0
  for await (const row of rows) {
    const size = encoder.encode(JSON.stringify(row)).length + 1
    if (chunk.length > 0 && (chunk.length >= limits.rows || bytes + size > limits.bytes)) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(row)
    bytes += size
  }
  if (chunk.length > 0) yield chunk
}
