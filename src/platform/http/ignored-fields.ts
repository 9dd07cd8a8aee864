import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { isObject } from '../is-object.ts'

type Schema = z.core.$ZodType
/** The definitions of zod's own schemas: https://zod.dev/packages/core */
type Def = z.core.$ZodTypes['_zod']['def']

/** The most values visited in one request. Larger requests get a partial list, or are refused for their size. */
const maxVisits = 10_000

/** Names unknown fields in a header: a typo in the name of an optional field would otherwise go unnoticed. */
export function nameIgnored(request: FastifyRequest, reply: FastifyReply): void {
  const { schema } = request.routeOptions
  if (!schema || schema.hide) return
  const header = toHeader(ignoredOf(request, schema as RequestSchema))
  if (header !== undefined) reply.header('x-krafter-ignored', header)
}

interface RequestSchema {
  body?: z.ZodType
  querystring?: z.ZodType
}

function* ignoredOf(request: FastifyRequest, { body, querystring }: RequestSchema): Generator<string> {
  yield* ignoredFields(body, request.body)
  yield* ignoredFields(querystring, request.query)
}

/**
 * Finds the fields of a value that its schema does not know, in order, nested ones as `keys.foo`. Free-form values such
 * as metadata have no unknown fields.
 *
 * @param schema undefined: every field is unknown
 */
export function* ignoredFields(schema: Schema | undefined, value: unknown): Generator<string> {
  const visits = { left: maxVisits }
  if (schema) yield* visit(schema, value, '', visits)
  else if (isObject(value)) yield* Object.keys(value)
}

function* visit(schema: Schema, value: unknown, path: string, visits: { left: number }): Generator<string> {
  if (typeof value !== 'object' || value === null || visits.left-- <= 0) return
  const def = (schema as z.core.$ZodTypes)._zod.def as Def
  switch (def.type) {
    case 'object':
      if (isObject(value)) yield* visitObject(def, value, path, visits)
      return
    case 'array':
      if (!Array.isArray(value)) return
      for (let index = 0; index < value.length && visits.left > 0; index++) {
        yield* visit(def.element, value[index], `${path}${index}.`, visits)
      }
      return
    case 'union':
      yield* visitUnion(def, value, path, visits)
      return
    case 'pipe':
      yield* visit(def.in._zod.def.type === 'transform' ? def.out : def.in, value, path, visits)
      return
    case 'lazy':
      yield* visit(def.getter(), value, path, visits)
      return
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      yield* visit(def.innerType, value, path, visits)
  }
}

function* visitObject(
  def: z.core.$ZodObjectDef,
  value: Record<string, unknown>,
  path: string,
  visits: { left: number },
): Generator<string> {
  for (const name of Object.keys(value)) {
    const field = Object.hasOwn(def.shape, name) ? def.shape[name] : undefined
    if (field) yield* visit(field, value[name], `${path}${name}.`, visits)
    else if (!def.catchall) yield `${path}${name}`
  }
}

/** A field is unknown only if every matching option of the union does not know it. */
function* visitUnion(
  def: z.core.$ZodUnionDef & { discriminator?: string },
  value: object,
  path: string,
  visits: { left: number },
): Generator<string> {
  const { discriminator } = def
  const tag = discriminator && (value as Record<string, z.core.util.Primitive>)[discriminator]
  const options = discriminator
    ? def.options.filter((option) => option._zod.propValues?.[discriminator]?.has(tag))
    : def.options
  const [first, ...others] = options.map((option) => [...visit(option, value, path, visits)])
  for (const name of first ?? []) if (others.every((names) => names.includes(name))) yield name
}

const maxHeaderLength = 200
const more = '...'

/**
 * Joins names to a header value, such as `targetting, keys.foo`. Characters that headers do not allow are
 * percent-encoded. A list of more than 200 characters is cut after a name, and ends with `...`.
 *
 * @returns undefined when there are no names
 */
export function toHeader(names: Iterable<string>): string | undefined {
  let header: string | undefined
  for (const name of names) {
    const longer = header === undefined ? encode(name) : `${header}, ${encode(name)}`
    if (longer.length > maxHeaderLength - `, ${more}`.length) return header ? `${header}, ${more}` : more
    header = longer
  }
  return header
}

function encode(name: string): string {
  return encodeURIComponent(name.slice(0, maxHeaderLength).toWellFormed())
}
