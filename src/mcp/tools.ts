import type { Json } from '../platform/openapi/components.ts'
import { type Inputs, inputsOfBody, toInputSchema } from './input-schema.ts'

/** An operation of the API as a model sees and calls it. */
export interface Tool {
  /** The entry in `tools/list`: https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool */
  shown: {
    name: string
    title: string
    description: string
    inputSchema: Json
    annotations: Record<string, boolean>
  }
  /** The scope that the API key needs. */
  scope: string
  route: ToolRoute
}

/** The API route that runs a tool. */
export interface ToolRoute {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** `/api/v1/push/apps/{app_id}` */
  path: string
  pathNames: readonly string[]
  queryNames: readonly string[]
  /** Argument → header. */
  headers: ReadonlyMap<string, string>
  hasBody: boolean
}

interface Operation {
  operationId: string
  summary: string
  description: string
  'x-required-scope'?: string
  'x-internal'?: boolean
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: Json }> }
  responses: Record<string, { content?: Record<string, unknown> }>
}

interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  description?: string
  schema: Json
}

/**
 * Makes a tool for each operation that takes an API key, except streams and batches, in the description's order.
 *
 * @param description OpenAPI 3.1, as `/openapi.json` gives it
 * @throws when an operation takes two inputs with the same name
 */
export function makeTools(description: Json): Tool[] {
  const { paths, components } = description as {
    paths: Record<string, Record<string, Operation>>
    components: { schemas: Record<string, Json> }
  }
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, operation]) => operation['x-required-scope'] !== undefined && !isStream(operation))
      // Nobody lets a model write a thousand rows, and the model reads every tool's schema at each start.
      .filter(() => !path.endsWith('/batch'))
      .map(([method, operation]) => makeTool(method.toUpperCase(), path, operation, components.schemas)),
  )
}

function isStream({ responses }: Operation): boolean {
  return Object.values(responses).some(({ content = {} }) => 'text/event-stream' in content)
}

function makeTool(method: string, path: string, operation: Operation, schemas: Record<string, Json>): Tool {
  const { operationId, summary, parameters = [], requestBody } = operation
  const body = requestBody && inputsOfBody(requestBody.content['application/json']!.schema, schemas)
  const namesIn = (place: string) => parameters.filter((each) => each.in === place).map(({ name }) => name)
  const inputs = join(operationId, inputsOfParameters(parameters), body ?? { properties: {}, required: [] })
  return {
    shown: {
      name: toSnakeCase(operationId),
      title: summary,
      description: operation.description.startsWith(summary)
        ? operation.description
        : `${summary}. ${operation.description}`,
      inputSchema: toInputSchema(inputs, schemas),
      annotations: annotate(method, operation),
    },
    scope: operation['x-required-scope']!,
    route: {
      method: method as ToolRoute['method'],
      path,
      pathNames: namesIn('path'),
      queryNames: namesIn('query'),
      headers: new Map(namesIn('header').map((name) => [toArgument(name), name])),
      hasBody: body !== undefined,
    },
  }
}

function inputsOfParameters(parameters: Parameter[]): Inputs {
  return {
    properties: Object.fromEntries(
      parameters.map(({ name, description, schema }) => [toArgument(name), { ...schema, description }]),
    ),
    required: parameters.filter(({ required }) => required).map(({ name }) => toArgument(name)),
  }
}

function join(operationId: string, one: Inputs, other: Inputs): Inputs {
  const twice = Object.keys(one.properties).find((name) => name in other.properties)
  if (twice !== undefined) throw new Error(`${operationId} takes two inputs named ${twice}`)
  return {
    properties: { ...one.properties, ...other.properties },
    required: [...one.required, ...other.required],
  }
}

/** Hints for people who approve calls. A creating POST only adds; every other change replaces or deletes. */
function annotate(method: string, { responses }: Operation): Record<string, boolean> {
  if (method === 'GET') return { readOnlyHint: true }
  const creates = method === 'POST' && ('201' in responses || '202' in responses)
  return { readOnlyHint: false, destructiveHint: !creates, idempotentHint: method !== 'POST' }
}

/** `listApps` → `list_apps` */
function toSnakeCase(operationId: string): string {
  return operationId.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** `Idempotency-Key` → `idempotency_key` */
function toArgument(parameter: string): string {
  return parameter.toLowerCase().replaceAll('-', '_')
}
