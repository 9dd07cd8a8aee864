import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { isObject } from '../is-object.ts'

export type Json = Record<string, unknown>

export function createComponents() {
  const named = new Map<string, Json>()
  const add = (name: string, schema: Json) => {
    const known = named.get(name)
    if (known && !isDeepStrictEqual(known, schema)) throw new Error(`Two schemas are named ${name}`)
    named.set(name, schema)
  }
  return {
    /**
     * Describes a schema as JSON Schema. Every named schema in it (`meta({ id })`) becomes a component.
     *
     * @throws when two different schemas have the same name
     */
    describe(schema: z.ZodType): Json {
      const { $schema: _, $defs = {}, ...root } = z.toJSONSchema(schema, options)
      for (const [name, definition] of Object.entries($defs)) add(name, tidy(definition))
      return tidy(root)
    },
    /** All schemas named so far, sorted by name. */
    schemas: () => Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

/** The named schemas that the rest of the description refers to: `components.schemas`. */
export type Components = ReturnType<typeof createComponents>

/** For `meta`: a reference to a schema that has a name. */
export function refTo(name: string): { $ref: string } {
  return { $ref: `#/$defs/${name}` }
}

/**
 * For `meta`: describes a schema that has its own parsing code by a reference to another schema. A schema with that
 * name must occur elsewhere in the description.
 */
export function describedAs(name: string): { describedAs: string } {
  return { describedAs: name }
}

/** `io: 'input'`: responses may gain fields later, so no object is described as closed. */
const options = {
  io: 'input',
  unrepresentable: 'any',
  override({ zodSchema, jsonSchema }) {
    if (jsonSchema.describedAs !== undefined) replaceByReference(jsonSchema)
    // Zod omits the default of transformed values; here defaults are the same before and after the transformation.
    if (zodSchema._zod.def.type === 'default') jsonSchema.default ??= zodSchema._zod.def.defaultValue
    leaveOutTheObvious(jsonSchema)
    nameDiscriminator(zodSchema, jsonSchema)
  },
} as const satisfies z.core.ToJSONSchemaParams

function replaceByReference(schema: z.core.JSONSchema.BaseSchema): void {
  const { describedAs, description } = schema
  for (const key of Object.keys(schema)) delete schema[key]
  Object.assign(schema, refTo(describedAs as string))
  if (description !== undefined) schema.description = description
}

/** Removes patterns that the format or type implies, and bounds that every JavaScript integer has. */
function leaveOutTheObvious(schema: z.core.JSONSchema.BaseSchema): void {
  if (['date-time', 'uuid'].includes(schema.format ?? '') || schema.type === 'integer') delete schema.pattern
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum
}

/** Adds OpenAPI's `discriminator`, which JSON Schema lacks: the field whose value selects the alternative. */
function nameDiscriminator(zodSchema: z.core.$ZodTypes, schema: z.core.JSONSchema.BaseSchema): void {
  const { def } = zodSchema._zod
  if (def.type !== 'union' || !('discriminator' in def) || !schema.oneOf) return
  const propertyName = def.discriminator as string
  const mapping = schema.oneOf.flatMap((option, index) => {
    const values = def.options[index]!._zod.propValues?.[propertyName] ?? []
    return option.$ref ? [...values].map((value) => [String(value), option.$ref!]) : []
  })
  if (mapping.length > 0) schema.discriminator = { propertyName, mapping: Object.fromEntries(mapping) }
}

/** Points references to `components.schemas` and shortens the schema. */
function tidy(schema: object): Json {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')
  return JSON.parse(text, (_, value) => (isObject(value) ? mergeNull(openObject(value)) : value))
}

/** Removes `propertyNames`, because keys are always strings, and writes the empty schema as `true`. */
function openObject({ propertyNames, additionalProperties, ...schema }: Json): Json {
  if (additionalProperties === undefined) return schema
  const isAny = isObject(additionalProperties) && Object.keys(additionalProperties).length === 0
  return { ...schema, additionalProperties: isAny || additionalProperties }
}

/** `anyOf: [{"type": "string", …}, {"type": "null"}]` is `"type": ["string", "null"]`. */
function mergeNull({ anyOf, ...schema }: Json): Json {
  if (!Array.isArray(anyOf)) return schema
  const [one, none, ...others] = anyOf as Json[]
  const isMergeable = typeof one?.type === 'string' && one.const === undefined && others.length === 0
  if (!isMergeable || none?.type !== 'null') return { anyOf, ...schema }
  const { type, ...rest } = one
  return {
    type: [type, 'null'],
    ...rest,
    ...(rest.enum ? { enum: [...(rest.enum as unknown[]), null] } : {}),
    ...schema,
  }
}
