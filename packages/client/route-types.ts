import type { Routes } from './api-types.ts'

/** An operation by method and path below `/api/v1`. */
export type Route = keyof Routes

export type Query<R extends Route> = Routes[R]['query']
export type Body<R extends Route> = Routes[R]['body']

/** What a route's answer has in `data`; undefined when the answer is empty. */
export type Data<R extends Route> = Routes[R]['answer'] extends { data: infer D } ? D : undefined

/** What a list is of. */
export type Item<R extends Route> = Data<R> extends (infer D)[] ? D : never

/** One id for each `{…}` of a route's path. */
export type Ids<R extends string> = R extends `${string}{${string}}${infer Rest}`
  ? [string, ...Ids<Rest>]
  : []

/** The routes with one of these methods. */
export type RouteOf<Method extends string> = Extract<Route, `${Method} ${string}`>
