import { type Call, toCall } from './call.ts'
import { type List, toList } from './list.ts'
import type { RequestOptions } from './options.ts'
import type { Given } from './request.ts'
import type { Data, Ids, Item, Route, RouteOf } from './route-types.ts'
import type { Transport } from './transport.ts'

/** How resources call the service. */
export interface Api extends Transport {
  /** @returns the answer's `data` */
  call<R extends Route>(route: R, ids: Ids<R>, given: Given, options?: RequestOptions): Call<Data<R>>
  /** @returns the pages of a list, by cursor */
  list<R extends RouteOf<'GET'>>(
    route: R,
    ids: Ids<R>,
    query?: object,
    options?: RequestOptions,
  ): List<Item<R>>
}

export function createApi(transport: Transport): Api {
  return {
    ...transport,
    call: (route, ids, given, options) =>
      toCall(transport.send(route, ids, given, options), ({ body }) => body?.data),
    list: (route, ids, query, options) =>
      toList((cursor) => {
        // Later pages use the cursor instead of the first page's offset.
        const next = cursor === undefined ? {} : { cursor, offset: undefined }
        return transport.send(route, ids, { query: { ...query, ...next } }, options)
      }),
  }
}
