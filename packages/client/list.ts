import { toPromise, type WithResponse } from './call.ts'
import type { Answer } from './transport.ts'

export interface Page<T> {
  data: T[]
  /** Give it as `cursor` to get the next page; null: this is the last one. */
  next_cursor: string | null
}

/**
 * A list: await it for its first page, or iterate over it for all of its items. Nothing is asked for before that, and a
 * page only when the one before is used up.
 */
export interface List<T> extends Promise<Page<T>>, AsyncIterable<T> {
  pages(): AsyncGenerator<Page<T>, void, undefined>
  /** The first page with its status and headers. */
  withResponse(): Promise<WithResponse<Page<T>>>
}

/** @param ask for the page at a cursor; undefined: for the first one */
export function toList<T>(ask: (cursor?: string) => Promise<Answer>): List<T> {
  const withResponse = async (): Promise<WithResponse<Page<T>>> => {
    const { response, body } = await ask()
    return { data: body, response, requestId: response.headers.get('x-request-id') ?? undefined }
  }
  async function* pages() {
    let cursor: string | undefined
    do {
      const page: Page<T> = (await ask(cursor)).body
      yield page
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
  }
  async function* items() {
    for await (const { data } of pages()) yield* data
  }
  const first = toPromise(() => withResponse().then(({ data }) => data))
  return { ...first, withResponse, pages, [Symbol.asyncIterator]: items }
}
