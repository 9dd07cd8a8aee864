import type { RouteOptions } from 'fastify'
import type { z } from 'zod'
import type { Server } from '../http/server.ts'
import { createComponents, type Json } from './components.ts'
import { describeRoute, toPathTemplate } from './describe-route.ts'
import { headerComponents } from './headers.ts'
import { describeRefusals } from './refusal-answers.ts'
import { idempotencyHint } from './sdk-hints.ts'

export interface OpenapiOptions {
  version: string
  tags: { name: string; description: string }[]
  /** Describes the requests that the service sends, as OpenAPI 3.1 `webhooks`. */
  webhooks(describe: (schema: z.ZodType) => Json): Record<string, Json>
}

/**
 * Describes the routes that are registered after this call as OpenAPI 3.1. `RouteDocs` only documents responses: no
 * schema serializes or checks them at run time.
 *
 * @returns a function that creates the description; call it once all routes are registered
 */
export function registerOpenapi(server: Server, options: OpenapiOptions): (origin: string) => Json {
  const routes: RouteOptions[] = []
  server.addHook('onRoute', (route: RouteOptions) => {
    if (route.schema?.operationId !== undefined && route.method !== 'HEAD') routes.push(route)
  })
  let described: Json | undefined
  return (origin) => {
    described ??= describeAll(routes, options)
    return { ...described, servers: [serverAt(origin)] }
  }
}

/** Creates the description, with keys in the order in which people read them. */
function describeAll(routes: readonly RouteOptions[], { version, tags, webhooks }: OpenapiOptions): Json {
  const components = createComponents()
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = toPathTemplate(route.url)
    paths[path] = { ...paths[path], [String(route.method).toLowerCase()]: describeRoute(route, components) }
  }
  const sent = webhooks(components.describe)
  const responses = describeRefusals(components)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Krafter Push',
      version,
      description: introduction,
      license: { name: 'MIT', identifier: 'MIT' },
      contact: { name: 'Krafter Push' },
    },
    servers: [],
    security: [{ key: [] }],
    ...idempotencyHint,
    tags,
    paths,
    webhooks: sent,
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key: `kr_live_` and 43 characters. `krafter-push keys create` makes one.',
        },
        publishableKey: {
          type: 'apiKey',
          in: 'query',
          name: 'key',
          description: "An app's `publishable_key`: `pk_live_` and 32 hexadecimal digits. Not a secret.",
        },
      },
      responses,
      headers: headerComponents,
      schemas: components.schemas(),
    },
  }
}

function serverAt(origin: string): Json {
  const variable = {
    default: origin,
    description: 'Where the service is reached, without a slash at the end.',
  }
  return { url: '{origin}', description: 'Your own install', variables: { origin: variable } }
}

const introduction = [
  'Send push notifications and receive their results by webhook. Requests and answers are JSON in snake_case; a success wraps its result in `data`. Ids are UUIDs. Timestamps are in UTC, to the second.',
  'Send an API key as `Authorization: Bearer kr_live_…`. Each operation names the scope that the key needs.',
  'Lists have pages: pass `next_cursor` of one page as `cursor` to get the next. Every POST that takes an API key takes an `Idempotency-Key`, which makes it safe to repeat.',
  'An error has a sentence for people in `error`; decide by the status. Unknown body fields and query parameters are ignored, and the header `x-krafter-ignored` of the answer names them.',
].join('\n\n')
