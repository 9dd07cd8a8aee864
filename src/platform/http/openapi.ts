import swagger, { type SwaggerTransform, type SwaggerTransformObject } from '@fastify/swagger'
import type { FastifySchema, RouteOptions } from 'fastify'
import { createJsonSchemaTransform } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Answer, idField, type Shape } from './answers.ts'
import { errorSchema, refusalAnswers, refusalComponents } from './refusal-answers.ts'
import type { Server } from './server.ts'

type Json = Record<string, unknown>

export interface OpenapiOptions {
  version: string
  /** Where clients reach the service; absent: where they got the description from. */
  publicUrl: string | undefined
  tags: { name: string; description: string }[]
  /** What the service sends by itself: OpenAPI 3.1 `webhooks`. */
  webhooks: Record<string, Json>
}

/**
 * Describes the routes that are registered after this as OpenAPI 3.1: `server.swagger()`. Answers are described, never
 * made, by what `RouteDocs` says: no schema runs over them on their way out.
 */
export async function registerOpenapi(server: Server, options: OpenapiOptions): Promise<void> {
  const shapes = new Map<string, Shape>()
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Krafter Push', version: options.version, description: introduction },
      servers: [{ url: options.publicUrl ?? '/' }],
      tags: options.tags,
      webhooks: options.webhooks as never,
      components: {
        securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key: `kr_live_…`' } },
        responses: refusalComponents as never,
        headers: rateLimitHeaders as never,
        schemas: { Error: errorSchema as never },
      },
      security: [{ key: [] }],
    },
    transform: (route) => describeRoute(route, shapes),
    transformObject: (document) => finish(document, shapes),
  })
}

const introduction = `JSON in, JSON out, snake_case; a success wraps its result in \`data\`. Ids are UUIDs, timestamps UTC to the second. Unknown body fields and query parameters are ignored, and named in the answer's \`x-krafter-ignored\` header.`

const rateLimitHeaders = {
  'x-ratelimit-limit': { description: 'Requests per minute', schema: { type: 'integer' } },
  'x-ratelimit-remaining': { description: 'Requests left in this minute', schema: { type: 'integer' } },
  'x-ratelimit-reset': { description: 'When it ends, in Unix seconds', schema: { type: 'integer' } },
}

const idempotencyHeader = {
  'Idempotency-Key':
    'At most 255 characters. A request repeated with it within 24 hours answers as the first did and changes nothing; another request with it is refused.',
}

/** Leaves out what the format or the type says already. */
const override = ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }) => {
  const told = ['date-time', 'uuid'].includes(jsonSchema.format ?? '') || jsonSchema.type === 'integer'
  if (told) delete jsonSchema.pattern
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
}

const toJsonSchemas = createJsonSchemaTransform({ zodToJsonConfig: { override } })

/** A route's schemas as JSON Schema. Its answers travel as `x-answers`: the plugin would take them apart. */
function describeRoute(document: Parameters<SwaggerTransform>[0], shapes: Map<string, Shape>) {
  const { schema, url } = toJsonSchemas(document as never) as { schema: FastifySchema & Json; url: string }
  if (!schema || schema.hide) return { schema, url }
  const { scope, open = false } = (document.route as RouteOptions).config ?? {}
  for (const shape of Object.values(schema.answers ?? {}).flatMap((answer) => answer.shapes)) {
    shapes.set(shape.name, shape)
  }
  const { description, params, body, bodyExample, querystring } = schema
  const takesKey = scope !== undefined && (document.route as RouteOptions).method === 'POST'
  const takesHeaders = takesKey ? { ...idempotencyHeader, ...schema.takesHeaders } : schema.takesHeaders
  const described = {
    ...schema,
    description:
      [description, scope && `Needs the scope \`${scope}\`.`].filter(Boolean).join(' ') || undefined,
    params: params && pathIds(params as Json),
    headers: takesHeaders && headerParameters(takesHeaders),
    body: body && bodyExample ? { ...body, examples: [bodyExample] } : body,
    security: scope ? [{ key: [scope] }] : [],
    'x-answers': {
      ...refusalAnswers({
        keyed: scope !== undefined,
        open,
        hasParams: params !== undefined,
        hasBody: body !== undefined,
        validates: [body, querystring, takesHeaders].some((part) => part !== undefined),
      }),
      // After them: a route may say more of a refusal than all others do.
      ...successAnswers(schema.answers ?? {}, scope !== undefined || open),
    },
  }
  return { schema: described as FastifySchema, url }
}

/** Every id in a path is a UUID: another word is answered 404 (fields.ts). */
function pathIds(params: Json): Json {
  const names = Object.keys(params.properties as Json)
  const id = toJsonSchema(idField)
  return { ...params, properties: Object.fromEntries(names.map((name) => [name, { ...id }])) }
}

function headerParameters(headers: Record<string, string>): Json {
  const properties = Object.entries(headers).map(([name, description]) => [
    name,
    { type: 'string', description },
  ])
  return { type: 'object', properties: Object.fromEntries(properties) }
}

function successAnswers(answers: Record<number, Answer>, limited: boolean): Json {
  const headers = Object.fromEntries(
    Object.keys(rateLimitHeaders).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  )
  const described = Object.entries(answers).map(([status, { description, content }]) => [
    status,
    {
      description,
      ...(limited && { headers }),
      ...(content && { content: { [content.type]: { schema: content.schema, example: content.example } } }),
    },
  ])
  return Object.fromEntries(described)
}

/** Puts the answers in their place, and what they refer to among the components. */
function finish(
  document: Parameters<SwaggerTransformObject>[0],
  shapes: Map<string, Shape>,
): ReturnType<SwaggerTransformObject> {
  const { openapiObject } = document as { openapiObject: Json & { components: Json; paths: object } }
  for (const path of Object.values(openapiObject.paths)) {
    for (const operation of Object.values(path) as Json[]) {
      operation.responses = operation['x-answers']
      delete operation['x-answers']
    }
  }
  const schemas = { ...(openapiObject.components.schemas as Json) }
  for (const [name, shape] of [...shapes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    schemas[name] = { ...toJsonSchema(shape.schema), examples: [shape.example] }
  }
  const described = { ...openapiObject, components: { ...openapiObject.components, schemas } }
  return described as unknown as ReturnType<SwaggerTransformObject>
}

/** As JSON Schema. As input: what is sent may gain fields, so that none is said to be the last. */
export function toJsonSchema(schema: z.ZodType): Json {
  const options = { io: 'input', unrepresentable: 'any', override } as const
  const { $schema: _, ...described } = z.toJSONSchema(schema, options)
  return described
}
