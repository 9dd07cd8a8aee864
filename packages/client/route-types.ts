import type { Routes } from './api-types.ts'

/** An operation by method and path below `/api/v1`. */
export type Route = keyof Routes

export type Query<R extends Route> = Routes[R]['query']
export type Body<R extends Route> = Routes[R]['body']

/** The type of `data` in a route's answer; undefined when the answer is empty. */
export type Data<R extends Route> = Routes[R]['answer'] extends { data: infer D } ? D : undefined

/** The type of a list's items. */
export type Item<R extends Route> = Data<R> extends (infer D)[] ? D : never

/** One id for each `{…}` of a route's path. */
export type Ids<R extends string> = R extends `${string}{${string}}${infer Rest}`
  ? [string, ...Ids<Rest>]
  : []

/** The routes with one of these methods. */
export type RouteOf<Method extends string> = Extract<Route, `${Method} ${string}`>
