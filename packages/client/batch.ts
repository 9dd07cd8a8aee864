import { toPromise } from './call.ts'
import type { RequestOptions } from './options.ts'

/**
 * A batch of any length, sent as several requests, one after the other. Await it for all results, or iterate over it
 * for the results as they arrive, in the order of the rows. Nothing is sent before that.
 *
 * If a request fails, the rows after it are not sent. When iterating, you have already received the earlier results.
 */
export interface Batch<Result> extends Promise<Result[]>, AsyncIterable<Result> {}

export interface BatchLimits {
  rows: number
  /** Maximum bytes of JSON in a request's body. */
  bytes: number
}

/** @param sendChunk sends one chunk of rows, which is within the limits */
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
    // Awaiting the batch twice must not send it twice.
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
