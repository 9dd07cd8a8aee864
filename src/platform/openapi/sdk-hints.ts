import type { FastifySchema } from 'fastify'
import type { Json } from './components.ts'

/**
 * What generators of SDKs read besides OpenAPI: where a method goes and what it is called, how to page, what may be
 * tried again. https://www.speakeasy.com/docs/speakeasy-reference/extensions,
 * https://buildwithfern.com/learn/api-definitions/openapi/extensions
 */
export function sdkHints({
  method,
  schema,
  parameters,
}: {
  method: string
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

/** `listApps` of `apps` is `list`, `readWebhookHealth` of `webhooks` is `readHealth`. */
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

/** A POST that broke off may have done its work: only with an `Idempotency-Key` is it safe to repeat. */
function retries(method: string): Json {
  return {
    strategy: 'backoff',
    backoff: { initialInterval: 500, maxInterval: 60_000, maxElapsedTime: 300_000, exponent: 2 },
    statusCodes: method === 'POST' ? ['429'] : ['429', '500', '503'],
    retryConnectionErrors: method !== 'POST',
  }
}

/** For the whole description: the header that makes a POST safe to repeat. */
export const idempotencyHint = {
  'x-fern-idempotency-headers': [{ header: 'Idempotency-Key', name: 'idempotencyKey' }],
}
