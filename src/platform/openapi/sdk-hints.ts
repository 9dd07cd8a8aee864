import type { FastifySchema, RouteOptions } from 'fastify'
import type { Json } from './components.ts'

/**
 * OpenAPI extensions for SDK generators: the group and name of each method, pagination, and retries.
 * https://www.speakeasy.com/docs/speakeasy-reference/extensions,
 * https://buildwithfern.com/learn/api-definitions/openapi/extensions
 */
export function sdkHints({
  method,
  schema,
  parameters,
}: {
  method: RouteOptions['method']
  schema: FastifySchema
  parameters: Json[]
}): Json {
  const [group = ''] = schema.tags ?? []
  const name = schema.sdkMethod ?? nameWithin(group, schema.operationId ?? '')
  const isPaged = parameters.some((parameter) => parameter.in === 'query' && parameter.name === 'cursor')
  return {
    'x-speakeasy-group': group,
    'x-speakeasy-name-override': name,
    'x-fern-sdk-group-name': [group],
    'x-fern-sdk-method-name': name,
    ...(isPaged && pagination),
    ...(method === 'POST' && { 'x-fern-idempotent': true }),
    'x-speakeasy-retries': retries(method),
  }
}

/** Removes the group's noun: `listApps` of `apps` becomes `list`, `readWebhookHealth` of `webhooks` `readHealth`. */
function nameWithin(group: string, operationId: string): string {
  const plural = `${group[0]?.toUpperCase()}${group.slice(1)}`
  const singular = plural.replace(/ies$/, 'y').replace(/s$/, '')
  return operationId.replace(plural, '').replace(singular, '')
}

const pagination = {
  'x-speakeasy-pagination': {
    type: 'cursor',
    inputs: [{ name: 'cursor', in: 'parameters', type: 'cursor' }],
    outputs: { results: '$.data', nextCursor: '$.next_cursor' },
  },
  'x-fern-pagination': {
    cursor: '$request.cursor',
    next_cursor: '$response.next_cursor',
    results: '$response.data',
  },
}

/** An interrupted POST may have taken effect, so it is only safe to repeat with an `Idempotency-Key`. */
function retries(method: RouteOptions['method']): Json {
  return {
    strategy: 'backoff',
    backoff: { initialInterval: 500, maxInterval: 60_000, maxElapsedTime: 300_000, exponent: 2 },
    statusCodes: method === 'POST' ? ['429'] : ['429', '500', '503'],
    retryConnectionErrors: method !== 'POST',
  }
}

/** Top-level hint: the header that makes a POST safe to repeat. */
export const idempotencyHint = {
  'x-fern-idempotency-headers': [{ header: 'Idempotency-Key', name: 'idempotencyKey' }],
}
