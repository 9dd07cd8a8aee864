import { z } from 'zod'
import { bounded } from '../platform/http/fields.ts'
import { isObject } from '../platform/is-object.ts'
import { describedAs } from '../platform/openapi/components.ts'

/** A value that a field of an event's data is compared with. */
export type FilterValue = string | number | boolean | null

/** A test of one field: it equals a value, equals one of several values, or exists. */
export type FieldTest = FilterValue | { in: FilterValue[] } | { exists: boolean }

/**
 * A condition on an event's `data`. All entries of an object must hold:
 * `{"platform": "web", "action": {"exists": true}}`; `and`, `or` and `not` combine such objects.
 */
export type Filter = { and?: Filter[]; or?: Filter[]; not?: Filter } & {
  [field: string]: FieldTest | Filter | Filter[] | undefined
}

const maxDepth = 5
export const maxEntries = 20
export const maxText = 255
const combiners = new Set(['and', 'or', 'not'])

/**
 * Reads a filter. Unknown tests and empty conditions are refused. filter-fit.ts checks whether the filter fits the
 * events of its webhook.
 *
 * @param maxBytes the maximum size of the filter as JSON, checked before its entries
 */
export const filterSchema = (maxBytes: number) =>
  bounded(
    maxBytes,
    z.unknown().transform((value, context) => {
      const problem = findProblem(value, 1)
      if (problem) context.addIssue({ code: 'custom', message: problem })
      return value as Filter
    }),
  ).meta(describedAs('Filter'))

/**
 * Reads a stored filter; null (all events pass) without a filter, or when only a later version may understand its form.
 * Fields that only a later version knows are allowed: they are absent from the events of this version.
 */
export function storedFilter(value: unknown): Filter | null {
  return value === null || findProblem(value, 1) ? null : (value as Filter)
}

/** Whether an event passes the filter. An absent field does not equal any value, not even null. */
export function matchesFilter(filter: Filter, data: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(filter).every(([name, test]) => {
    if (name === 'and') return (test as Filter[]).every((each) => matchesFilter(each, data))
    if (name === 'or') return (test as Filter[]).some((each) => matchesFilter(each, data))
    if (name === 'not') return !matchesFilter(test as Filter, data)
    return matchesTest(test as FieldTest, data[name])
  })
}

function matchesTest(test: FieldTest, value: unknown): boolean {
  if (!isObject(test)) return value === test
  return 'in' in test ? test.in.includes(value as FilterValue) : (value !== undefined) === test.exists
}

/** What is wrong with the value, in words that follow the field's name; undefined when it is a valid filter. */
function findProblem(value: unknown, depth: number): string | undefined {
  if (!isObject(value)) return 'must be an object'
  if (depth > maxDepth) return `must not be nested deeper than ${maxDepth}`
  const entries = Object.entries(value)
  if (entries.length === 0) return 'must have a condition in each object'
  if (entries.length > maxEntries) return `must have at most ${maxEntries} conditions in an object`
  for (const [name, test] of entries) {
    const problem = combiners.has(name) ? findCombinerProblem(name, test, depth) : findTestProblem(name, test)
    if (problem) return problem
  }
  return undefined
}

function findCombinerProblem(name: string, test: unknown, depth: number): string | undefined {
  if (name === 'not') return findProblem(test, depth + 1)
  if (!Array.isArray(test) || test.length === 0 || test.length > maxEntries) {
    return `must have 1 to ${maxEntries} conditions in "${name}"`
  }
  return test.map((each) => findProblem(each, depth + 1)).find((problem) => problem !== undefined)
}

function findTestProblem(name: string, test: unknown): string | undefined {
  if (isValue(test)) return undefined
  if (isObject(test) && Object.keys(test).length === 1) {
    if (typeof test.exists === 'boolean') return undefined
    const values = test.in
    if (Array.isArray(values) && values.length > 0 && values.length <= maxEntries && values.every(isValue)) {
      return undefined
    }
  }
  return `must compare "${name}" with a value, {"in": [1 to ${maxEntries} values]} or {"exists": true or false}`
}

function isValue(value: unknown): value is FilterValue {
  if (typeof value === 'string')
    return value.length <= maxText && value.isWellFormed() && !value.includes('\0')
  return value === null || Number.isFinite(value) || typeof value === 'boolean'
}
