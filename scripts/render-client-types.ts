/** The parts of JSON Schema and OpenAPI 3.1 that openapi.json uses. */
interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  oneOf?: Schema[]
  anyOf?: Schema[]
  allOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  required?: string[]
  description?: string
}

interface Parameter {
  in: string
  name: string
  required?: boolean
  description?: string
  schema: Schema
}

interface Operation {
  security?: unknown[]
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
  'x-internal'?: boolean
  /** The operation's place in generated SDKs: a resource and its method. */
  'x-speakeasy-group'?: string
  'x-speakeasy-name-override'?: string
}

export interface OpenapiDocument {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const basePath = '/api/v1'
const methods = ['get', 'post', 'put', 'patch', 'delete']

/**
 * The operations that clients use, by method and path below `/api/v1`: `GET /push/apps`. Operations without an API key
 * are for browsers, devices and orchestrators.
 */
export function clientOperations({ paths }: OpenapiDocument): Map<string, Operation> {
  const all = Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method]
      const isForClients = operation?.security?.length && !operation['x-internal']
      const route = `${method.toUpperCase()} ${path.slice(basePath.length)}`
      return isForClients ? [[route, operation] as const] : []
    }),
  )
  return new Map(all)
}

/**
 * The types of `packages/client`: `Routes` with the query, the body and the answer of each operation, and a type for
 * each component that these use.
 *
 * openapi-typescript is not used: it needs the compiler API of TypeScript 5, which TypeScript 7 does not have.
 */
export function renderClientTypes(document: OpenapiDocument): string {
  const routes = [...clientOperations(document)].map(([route, operation]) => ({
    route,
    query: querySchema(operation.parameters ?? []),
    body: bodySchema(operation),
    answer: answerSchema(operation),
  }))
  const { schemas } = document.components
  const names = reachableNames(routes, schemas)
  const components = Object.entries(schemas)
    .filter(([name]) => names.has(name))
    .map(
      ([name, schema]) => `${comment(schema.description, '')}export type ${name} = ${toType(schema, '')}\n`,
    )
  const lines = routes.map(({ route, ...parts }) => {
    const fields = Object.entries(parts).map(([name, schema]) => `    ${name}: ${toType(schema, '    ')}\n`)
    return `  '${route}': {\n${fields.join('')}  }\n`
  })
  return [
    '// Made from openapi.json by `npm run openapi`; not to be edited.\n',
    ...components,
    `/** What each operation takes and answers. Paths begin below \`${basePath}\`. */`,
    `export interface Routes {\n${lines.join('')}}\n`,
  ].join('\n')
}

/** The names of all components that `part` uses, directly or through other components. */
function reachableNames(part: unknown, schemas: Record<string, Schema>): Set<string> {
  const names = new Set<string>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { $ref } = value as Schema
    if (typeof $ref === 'string') {
      const name = nameOf($ref)
      if (names.has(name)) return
      names.add(name)
      visit(schemas[name])
    }
    Object.values(value).forEach(visit)
  }
  visit(part)
  return names
}

function nameOf($ref: string): string {
  return $ref.slice($ref.lastIndexOf('/') + 1)
}

function querySchema(parameters: Parameter[]): Schema {
  const inQuery = parameters.filter((parameter) => parameter.in === 'query')
  if (inQuery.length === 0) return noContent
  return {
    type: 'object',
    properties: Object.fromEntries(
      inQuery.map(({ name, schema, description }) => [name, { description, ...schema }]),
    ),
    required: inQuery.filter(({ required }) => required).map(({ name }) => name),
  }
}

/** Becomes `undefined` in TypeScript. */
const noContent: Schema = { type: 'undefined' }

function bodySchema({ requestBody }: Operation): Schema {
  const schema = requestBody?.content['application/json']?.schema
  if (!schema) return noContent
  return requestBody.required ? schema : { anyOf: [schema, noContent] }
}

function answerSchema({ responses }: Operation): Schema {
  const successes = Object.entries(responses).filter(([status]) => status.startsWith('2'))
  const schemas = successes.map(([, { content }]) => content?.['application/json']?.schema ?? noContent)
  return { anyOf: schemas }
}

function toType(schema: Schema, indent: string): string {
  const { $ref, enum: values, const: value, oneOf, anyOf, allOf, type } = schema
  if ($ref) return nameOf($ref)
  if (values) return values.map((each) => JSON.stringify(each)).join(' | ')
  if (value !== undefined) return JSON.stringify(value)
  const kinds = oneOf ?? anyOf
  if (kinds) return unite(kinds, indent)
  if (allOf) return allOf.map((each) => group(toType(each, indent))).join(' & ')
  if (Array.isArray(type)) {
    return unite(
      type.map((each) => ({ ...schema, type: each })),
      indent,
    )
  }
  switch (type) {
    case 'array':
      return `${group(toType(schema.items ?? {}, indent))}[]`
    case 'object':
      return toObject(schema, indent)
    case 'integer':
      return 'number'
    case undefined:
      return schema.properties ? toObject(schema, indent) : 'unknown'
    default:
      return type
  }
}

function unite(schemas: Schema[], indent: string): string {
  return [...new Set(schemas.map((each) => toType(each, indent)))].join(' | ')
}

function group(type: string): string {
  return /^\w+(\[\])*$|^\{[^}]*\}$/.test(type) ? type : `(${type})`
}

function toObject({ properties = {}, additionalProperties, required = [] }: Schema, indent: string): string {
  const inner = `${indent}  `
  const fields = Object.entries(properties).map(([name, schema]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)
    const mark = required.includes(name) ? '' : '?'
    return `${comment(schema.description, inner)}${inner}${key}${mark}: ${toType(schema, inner)}`
  })
  const isOpen = additionalProperties || (additionalProperties === undefined && fields.length === 0)
  if (!isOpen) return fields.length === 0 ? 'Record<string, never>' : `{\n${fields.join('\n')}\n${indent}}`
  const rest = typeof additionalProperties === 'object' ? toType(additionalProperties, inner) : 'unknown'
  if (fields.length === 0) return `Record<string, ${rest}>`
  // The index signature is `unknown`, because a narrower type would contradict the named fields.
  return `{\n${fields.join('\n')}\n${inner}[name: string]: unknown\n${indent}}`
}

function comment(text: string | undefined, indent: string): string {
  return text
    ? `${indent}/** ${text.replaceAll('*/', '*\u200b/').replaceAll('\n', `\n${indent} * `)} */\n`
    : ''
}
