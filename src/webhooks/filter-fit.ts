import { z } from 'zod'
import { catalog, dataFields, type EventType, eventTypes } from '../events/catalog.ts'
import { quote } from '../platform/http/fields.ts'
import { isObject } from '../platform/is-object.ts'
import type { FieldTest, Filter, FilterValue } from './filter.ts'

/**
 * Finds a condition that no event of a webhook can meet, or that none can fail. Such a condition names a field that no
 * event has, or compares a field with a value that it never has.
 *
 * @param filter a filter that filter.ts has parsed
 * @param events the event types that the webhook names; if empty, the filter must fit all event types
 * @returns the problem, in words that follow the field's name; undefined when the filter fits
 */
export function findMisfit(filter: Filter, events: readonly string[]): string | undefined {
  const types = events.length > 0 ? (events as readonly EventType[]) : eventTypes
  for (const [name, test] of Object.entries(filter)) {
    const problem =
      name === 'and' || name === 'or' || name === 'not'
        ? findFirst([test as Filter | Filter[]].flat(), types)
        : findTestMisfit(name, test as FieldTest, types)
    if (problem) return problem
  }
  return undefined
}

function findFirst(filters: readonly Filter[], types: readonly EventType[]): string | undefined {
  for (const filter of filters) {
    const problem = findMisfit(filter, types)
    if (problem) return problem
  }
  return undefined
}

function findTestMisfit(name: string, test: FieldTest, types: readonly EventType[]): string | undefined {
  const fields = types.flatMap((type) => {
    const shape: Record<string, z.ZodType> = catalog[type].shape
    return Object.hasOwn(shape, name) ? [shape[name]!] : []
  })
  if (fields.length === 0) {
    const none = dataFields.has(name) ? "none of the webhook's events" : 'no event'
    return `names ${quote(name)}, which ${none} has`
  }
  for (const value of valuesOf(test)) {
    if (fields.some((field) => field.safeParse(value).success)) continue
    return `compares ${quote(name)} with ${quote(value)}, but it is ${describe(fields)}`
  }
  return undefined
}

function valuesOf(test: FieldTest): FilterValue[] {
  if (!isObject(test)) return [test]
  return 'in' in test ? test.in : []
}

/** Describes the values that a field may have: `web, ios or android`, `a string or null`. */
function describe(fields: readonly z.ZodType[]): string {
  // An empty registry hides schema names: a reference to a named schema could not be described.
  const options = { unrepresentable: 'any', metadata: z.registry<{ id?: string }>() } as const
  const words = fields.flatMap((field) => wordsOf(z.toJSONSchema(field, options)))
  const each = [...new Set(words)]
  return each.length > 1 ? `${each.slice(0, -1).join(', ')} or ${each.at(-1)}` : each.join()
}

function wordsOf(schema: z.core.JSONSchema.BaseSchema): string[] {
  // A schema with its own name is described under `$defs`.
  if (schema.$defs) return Object.values(schema.$defs).flatMap(wordsOf)
  if (schema.anyOf) return schema.anyOf.flatMap((each) => wordsOf(each as typeof schema))
  if (schema.enum) return schema.enum.map(String)
  if (schema.format === 'uuid') return ['a UUID']
  if (schema.type === 'integer') return ['a whole number']
  return [schema.type ?? 'value'].flat().map((type) => (type === 'null' ? type : `a ${type}`))
}
