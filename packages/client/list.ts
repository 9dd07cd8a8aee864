import { toPromise, type WithResponse } from './call.ts'
import type { Answer } from './transport.ts'

export interface Page<T> {
  data: T[]
  /** Pass it as `cursor` to get the next page; null: this is the last page. */
  next_cursor: string | null
}

/**
 * A list: await it for its first page, or iterate over it for all items. Nothing is requested before that. While
 * iterating, each page is requested only when all items of the previous page are consumed.
 */
export interface List<T> extends Promise<Page<T>>, AsyncIterable<T> {
  pages(): AsyncGenerator<Page<T>, void, undefined>
  /** The first page with its status and headers. */
  withResponse(): Promise<WithResponse<Page<T>>>
}

/** @param ask requests the page at a cursor; undefined: the first page */
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
