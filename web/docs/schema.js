import { el, inline, lazyDetails } from './dom.js'

/** Shows schemas of a description as tables of fields. */
export function createSchemaViews(description) {
  const nameOf = ({ $ref }) => $ref?.split('/').pop()
  const resolve = (schema) => (schema.$ref ? description.components.schemas[nameOf(schema)] : schema)

  /** `string`, `Filter | null`, `EventType[]` */
  function typeOf(schema) {
    if (schema.$ref) return nameOf(schema)
    if (schema.const !== undefined) return JSON.stringify(schema.const)
    const options = schema.oneOf ?? schema.anyOf
    if (options) return options.map(typeOf).join(' | ')
    if (schema.allOf) return schema.allOf.map(typeOf).join(' & ')
    const types = [schema.type ?? 'any'].flat()
    return types.map((type) => (type === 'array' ? `${typeOf(schema.items ?? {})}[]` : type)).join(' | ')
  }

  /** What may be in a value, in words: its format, its limits, its default. */
  function limitsOf(schema) {
    const { format, minimum, maximum, minLength, maxLength, minItems, maxItems, pattern } = schema
    const range = (least, most, unit) => {
      if (least === undefined && most === undefined) return undefined
      if (most === undefined) return `at least ${least}${unit}`
      return least === undefined ? `at most ${most}${unit}` : `${least} to ${most}${unit}`
    }
    return [
      format,
      range(minimum, maximum, ''),
      range(minLength, maxLength, ' characters'),
      range(minItems, maxItems, ' entries'),
      pattern && `matches ${pattern}`,
      schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    ].filter(Boolean)
  }

  function field(name, schema, required) {
    const named = resolve(schema)
    const values = named.enum ?? resolve(named.items ?? {}).enum
    return el(
      'li.field',
      {},
      el(
        'div.field-head',
        {},
        el('code.name', {}, name),
        el('span.type', {}, typeOf(schema)),
        required && el('span.required', {}, 'required'),
        ...limitsOf({ ...named, ...schema }).map((limit) => el('span.limit', {}, limit)),
      ),
      el('div.field-text', {}, ...inline(schema.description ?? named.description)),
      values && el('div.values', {}, ...values.map((value) => el('code', {}, String(value)))),
      ...nested(schema),
    )
  }

  /** What a field consists of, for those who want to know. */
  function nested(schema) {
    const named = resolve(schema)
    const options = named.oneOf ?? named.anyOf
    const parts = named.items ? [named.items] : (options ?? [])
    if (named.properties) return [lazyDetails(`Fields of ${nameOf(schema) ?? 'it'}`, () => fields(schema))]
    return parts.flatMap((part) => {
      const inner = resolve(part)
      if (inner.properties) return [lazyDetails(`Fields of ${nameOf(part) ?? 'it'}`, () => fields(part))]
      return inner.items || inner.oneOf || inner.anyOf ? nested(part) : []
    })
  }

  /** The fields of an object; for one of several kinds, those of each. */
  function fields(schema) {
    const named = resolve(schema)
    if (named.oneOf) {
      return named.oneOf.map((kind) => {
        const { description } = resolve(kind)
        const summary = el('span', {}, el('code', {}, typeOf(kind)), ' ', ...inline(description))
        return lazyDetails(summary, () => fields(kind))
      })
    }
    if (named.allOf) return named.allOf.flatMap(fields)
    const required = new Set(named.required)
    const items = Object.entries(named.properties ?? {}).map(([name, part]) =>
      field(name, part, required.has(name)),
    )
    return [el('ul.fields', {}, ...items)]
  }

  return { fields, field, resolve }
}
