import type { Json } from './components.ts'

const integer = (description: string) => ({ description, schema: { type: 'integer' } })

/** `components.headers` of the API's description. */
export const headerComponents = {
  'x-ratelimit-limit': integer(
    'Requests allowed per minute, of the rate limit that counted this request last.',
  ),
  'x-ratelimit-remaining': integer('Requests left in this minute.'),
  'x-ratelimit-reset': integer('When the minute ends, in Unix seconds.'),
  'x-krafter-ignored': {
    description:
      'Body fields and query parameters that the service does not know and ignored, separated by commas; absent without any.',
    schema: { type: 'string' },
  },
  'retry-after': integer('Seconds to wait before the next try.'),
  'x-request-id': {
    description:
      'The id of the request, which the log of the service names. It is the `x-request-id` of the request where that has 1 to 128 letters, digits and `_.:=+/-`, and otherwise a new one.',
    schema: { type: 'string' },
  },
} satisfies Record<string, Json>

const rateLimitHeaders = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'] as const

/** References to the headers of a response. */
export function answerHeaders(traits: {
  /** Whether a rate limit counts the request. */
  limited: boolean
  /** Whether the response names unknown fields. */
  validates?: boolean
  /** Whether the response says when to try again. */
  retryable?: boolean
}): Record<string, { $ref: string }> {
  const names = [
    ...(traits.limited ? rateLimitHeaders : []),
    ...(traits.validates ? (['x-krafter-ignored'] as const) : []),
    ...(traits.retryable ? (['retry-after'] as const) : []),
    'x-request-id' as const,
  ]
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
