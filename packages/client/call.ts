import type { Answer } from './transport.ts'

/** An answer with the HTTP response that it came in, whose body has been read. */
export interface WithResponse<T> {
  data: T
  response: Response
  /** `x-request-id`, if the answer has one: the service's log has the same. */
  requestId: string | undefined
}

/** A call under way: a promise of the answer's `data`. */
export interface Call<T> extends Promise<T> {
  /** The same answer with its status and headers. */
  withResponse(): Promise<WithResponse<T>>
}

/** @param read what the caller gets of the answer */
export function toCall<T>(answer: Promise<Answer>, read: (answer: Answer) => T): Call<T> {
  const withResponse = async () => {
    const { response, body } = await answer
    const requestId = response.headers.get('x-request-id') ?? undefined
    return { data: read({ response, body }), response, requestId }
  }
  return { ...toPromise(() => withResponse().then(({ data }) => data)), withResponse }
}

/**
 * A promise that is made when somebody asks for its value. One made before, beside another of the same answer, would
 * be reported as unhandled when only the other is waited for.
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
