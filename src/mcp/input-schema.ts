import { isDeepStrictEqual } from 'node:util'
import { isObject } from '../platform/is-object.ts'
import type { Json } from '../platform/openapi/components.ts'

/** The fields of an object schema. */
export interface Inputs {
  properties: Record<string, Json>
  required: string[]
}

type Schemas = Record<string, Json>

const componentPrefix = '#/components/schemas/'

/**
 * Returns the fields of a body. A body of several kinds gets the fields of all kinds: models get no alternatives at the
 * top level, and the route checks which fields belong together.
 */
export function inputsOfBody(schema: Json, schemas: Schemas): Inputs {
  const target =
    schema.$ref === undefined ? schema : schemas[String(schema.$ref).slice(componentPrefix.length)]!
  const kinds = (target.oneOf ?? target.anyOf) as Json[] | undefined
  if (kinds) return joinKinds(kinds.map((kind) => inputsOfBody(kind, schemas)))
  const { properties = {}, required = [] } = target as Partial<Inputs>
  return { properties, required }
}

function joinKinds(kinds: Inputs[]): Inputs {
  const properties: Record<string, Json> = {}
  for (const name of new Set(kinds.flatMap((kind) => Object.keys(kind.properties)))) {
    const own = kinds.map((kind) => kind.properties[name]).filter((schema) => schema !== undefined)
    const different = own.filter(
      (schema, index) => own.findIndex((other) => isDeepStrictEqual(other, schema)) === index,
    )
    properties[name] = different.length === 1 ? different[0]! : { anyOf: different }
  }
  const required = kinds[0]!.required.filter((name) => kinds.every((kind) => kind.required.includes(name)))
  return { properties, required }
}

/** Builds a JSON Schema (2020-12) that contains every schema that it refers to. */
export function toInputSchema({ properties, required }: Inputs, schemas: Schemas): Json {
  const $defs: Record<string, Json> = {}
  const define = (name: string) => {
    if ($defs[name]) return
    // Set before the content is visited, because a filter contains filters.
    $defs[name] = {}
    $defs[name] = localise(schemas[name]!, define)
  }
  const own = localise(properties, define)
  return {
    type: 'object',
    properties: own,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...(Object.keys($defs).length > 0 && { $defs }),
  }
}

/** @param refer called with each name that the schema refers to */
function localise<T extends Json>(schema: T, refer: (name: string) => void): T {
  const text = JSON.stringify(schema, (key, value) => {
    // An OpenAPI keyword; `propertyName` distinguishes it from a field named `discriminator`.
    if (key === 'discriminator' && isObject(value) && 'propertyName' in value) return undefined
    if (key !== '$ref' || typeof value !== 'string') return value
    const name = value.slice(componentPrefix.length)
    refer(name)
    return `#/$defs/${name}`
  })
  return JSON.parse(text)
}
