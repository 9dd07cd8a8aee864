import type { Answer } from './transport.ts'

/** An answer with its HTTP response. The response's body has already been read. */
export interface WithResponse<T> {
  data: T
  response: Response
  /** `x-request-id`, if the answer has one. The service's log has the same id. */
  requestId: string | undefined
}

/** A call in progress: a promise of the answer's `data`. */
export interface Call<T> extends Promise<T> {
  /** The same answer with its status and headers. */
  withResponse(): Promise<WithResponse<T>>
}

/** @param read returns the part of the answer that the caller gets */
export function toCall<T>(answer: Promise<Answer>, read: (answer: Answer) => T): Call<T> {
  const withResponse = async () => {
    const { response, body } = await answer
    const requestId = response.headers.get('x-request-id') ?? undefined
    return { data: read({ response, body }), response, requestId }
  }
  return { ...toPromise(() => withResponse().then(({ data }) => data)), withResponse }
}

/**
 * A promise that is created only when its value is awaited. If `data` and `withResponse()` were both promises from the
 * start and only one was awaited, a failure of the other would be reported as an unhandled rejection.
 */
export function toPromise<T>(make: () => Promise<T>): Promise<T> {
  return {
    // biome-ignore lint/suspicious/noThenProperty: it is a promise
    then: (resolved, rejected) => make().then(resolved, rejected),
    catch: (rejected) => make().catch(rejected),
    finally: (ended) => make().finally(ended),
    [Symbol.toStringTag]: 'Promise',
  }
}
