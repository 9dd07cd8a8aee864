import type { z } from 'zod'

type Schema = z.core.$ZodType
/** What zod's own schemas say of themselves: https://zod.dev/packages/core */
type Def = z.core.$ZodTypes['_zod']['def']

/** Values looked at in one request: what is longer has been told enough of, or is refused for its length. */
const maxVisits = 10_000

/**
 * The fields of a value that its schema does not know, nested ones as `keys.foo`, in their order. What a schema leaves
 * free, such as metadata, has none.
 *
 * @param schema absent: nothing is known
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

/** A field is known when any of the options that the value can be knows it. */
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const maxHeaderLength = 200
const more = '...'

/**
 * Names as the value of a header, `targetting, keys.foo`: what a header cannot hold is percent-encoded, and what is more
 * than 200 characters together is cut at a name, with `...` in its place.
 *
 * @returns undefined for none
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
