import type { RouteOptions } from 'fastify'
import { z } from 'zod'
import { type Answer, idField } from '../http/answers.ts'
import type { Components, Json } from './components.ts'
import { answerHeaders } from './headers.ts'
import { refusalAnswers } from './refusal-answers.ts'
import { sdkHints } from './sdk-hints.ts'

const idempotencyHeader = {
  'Idempotency-Key':
    'A key of your choice, 1 to 255 characters, for example a UUID. A request repeated with it within 24 hours answers as the first did and changes nothing; another request with it is refused.',
}

/** Describes a route, whose schema also holds its documentation, as an OpenAPI operation. */
export function describeRoute(
  { method, url, schema = {}, config }: RouteOptions,
  components: Components,
): Json {
  const { operationId, summary, description, tags, takesHeaders, bodyExample, answers = {} } = schema
  const { scope, open = false, publishable = false } = config ?? {}
  const keyed = scope !== undefined
  // The query of a publishable route only has the key, which is described under `security`.
  const querystring = publishable ? undefined : (schema.querystring as z.ZodType | undefined)
  const body = schema.bodyKinds ?? (schema.body as z.ZodType | undefined)
  const headers = { ...(keyed && method === 'POST' && idempotencyHeader), ...takesHeaders }
  const parameters = [
    ...pathParameters(url),
    ...queryParameters(querystring, components),
    ...Object.entries(headers).map(([name, text]) => parameter('header', name, text, { type: 'string' })),
  ]
  return {
    operationId,
    summary,
    description: [description, keyed && `Needs the scope \`${scope}\`.`].filter(Boolean).join(' ') || summary,
    tags,
    ...(keyed ? sdkHints({ method, schema, parameters }) : { 'x-internal': true }),
    ...(keyed && { 'x-required-scope': scope }),
    security: keyed ? [{ key: [] }] : publishable ? [{ publishableKey: [] }] : [],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: describeBody(named(body, operationId!), bodyExample, components) }),
    responses: {
      ...refusalAnswers({
        keyed,
        open,
        publishable,
        hasParams: url.includes(':'),
        hasBody: body !== undefined,
        validates: [body, querystring, ...Object.keys(headers)].some((part) => part !== undefined),
      }),
      // These come last: a route may describe a refusal in more detail than the common text.
      ...describeAnswers(
        answers,
        { limited: keyed || open || publishable, validates: keyed || publishable },
        components,
      ),
    },
  }
}

/** `/push/apps/{app_id}` */
export function toPathTemplate(url: string): string {
  return url.replaceAll(/:(\w+)/g, '{$1}')
}

/** Every id in a path is a UUID; any other value is answered with 404 (fields.ts). */
function pathParameters(url: string): Json[] {
  return [...url.matchAll(/:(\w+)/g)].map(([, name]) => {
    const noun = name!.replace(/_id$/, '')
    return parameter('path', name!, `The ${noun}'s id.`, { type: 'string', ...z.globalRegistry.get(idField) })
  })
}

function queryParameters(querystring: z.ZodType | undefined, components: Components): Json[] {
  if (!querystring) return []
  const { properties = {}, required = [] } = components.describe(querystring) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    ...parameter('query', name, description, schema, required.includes(name)),
    // A parameter that may be repeated may also be one comma-separated list.
    ...(schema.type === 'array' && { style: 'form', explode: false }),
  }))
}

function parameter(
  place: string,
  name: string,
  description: unknown,
  schema: Json,
  required = place === 'path',
): Json {
  return { name, in: place, required, ...(description !== undefined && { description }), schema }
}

/** Names a body after its operation, unless it already has a name: `createWebhook` takes `CreateWebhookRequest`. */
function named(body: z.ZodType, operationId: string): z.ZodType {
  if (z.globalRegistry.get(body)?.id) return body
  const id = `${operationId[0]!.toUpperCase()}${operationId.slice(1)}Request`
  return body.meta({ id, description: `The body of \`${operationId}\`.` })
}

function describeBody(body: z.ZodType, example: unknown, components: Components): Json {
  return {
    // An optional body has defaults for all its fields.
    required: !body.safeParse(undefined).success,
    content: { 'application/json': { schema: components.describe(body), example } },
  }
}

function describeAnswers(
  answers: Record<number, Answer>,
  traits: { limited: boolean; validates: boolean },
  components: Components,
): Json {
  const headers = answerHeaders(traits)
  const described = Object.entries(answers).map(([status, { description, content }]) => [
    status,
    {
      description,
      headers,
      ...(content && {
        content: {
          [content.type]: { schema: components.describe(content.schema), example: content.example },
        },
      }),
    },
  ])
  return Object.fromEntries(described)
}
