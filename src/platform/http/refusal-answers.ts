import { type ApiError, refusals } from '../errors.ts'

/** What decides which refusals a route has. */
export interface RefusalTraits {
  /** It takes a key. */
  keyed: boolean
  /** It takes no key, and a body that is never refused for what is in it. */
  open: boolean
  hasParams: boolean
  hasBody: boolean
  /** Something in the request besides the path is validated. */
  validates: boolean
}

/** The refusals that a route can answer with: status → a reference to one of {@link refusalComponents}. */
export function refusalAnswers(traits: RefusalTraits): Record<number, { $ref: string }> {
  const { keyed, open, hasParams, hasBody, validates } = traits
  const judgesBody = hasBody && !open
  const names = [
    judgesBody && 'MalformedBody',
    keyed && 'Unauthorized',
    keyed && 'InsufficientScope',
    hasParams && 'NotFound',
    hasBody && 'BodyTooLarge',
    judgesBody && 'NotJson',
    validates && !open && 'Invalid',
    (keyed || open) && 'RateLimited',
    (keyed || open) && 'Failed',
    (keyed || open) && 'Unavailable',
  ] as const
  return Object.fromEntries(
    names
      .filter((name) => name !== false)
      .map((name) => [components[name].status, { $ref: `#/components/responses/${name}` }]),
  )
}

const components = {
  MalformedBody: {
    ...fromCatalogue(refusals.malformedBody('Request body is not valid JSON')),
    description: 'The body is no JSON object.',
  },
  Unauthorized: {
    ...fromCatalogue(refusals.unauthorized()),
    description: 'The key is missing, malformed, expired or revoked.',
  },
  InsufficientScope: {
    ...fromCatalogue(refusals.insufficientScope()),
    description: 'The key lacks the scope that the route needs.',
  },
  NotFound: {
    ...fromCatalogue(refusals.notFound()),
    description: "There is no such thing, or it is another team's; an id that is no UUID answers the same.",
  },
  BodyTooLarge: {
    ...fromCatalogue(refusals.bodyTooLarge()),
    description: 'The body is longer than the route takes: 1 MiB, of a batch 8 MiB.',
  },
  NotJson: { ...fromCatalogue(refusals.notJson()), description: 'The body is not sent as application/json.' },
  Invalid: {
    ...fromCatalogue(refusals.invalid({ title: ['is required'] })),
    description: 'A field is wrong: `details` names each one and says what is wrong with it.',
  },
  RateLimited: {
    ...fromCatalogue(refusals.rateLimited(23)),
    description:
      'The team, or without a key the client, has used up its requests of this minute; `retry_after` is in seconds.',
  },
  Failed: {
    status: 500,
    example: { error: 'Internal server error' },
    description: 'Our fault; it is logged.',
  },
  Unavailable: {
    ...fromCatalogue(refusals.unavailable()),
    description:
      'The database is away, takes no writes or has too much to do. Try again after `retry-after` seconds.',
  },
}

function fromCatalogue({ shape }: ApiError): { status: number; example: Record<string, unknown> } {
  const { status, error, details, retryAfterSeconds } = shape
  const example = {
    error,
    ...(details && { details }),
    ...(retryAfterSeconds && { retry_after: retryAfterSeconds }),
  }
  return { status, example }
}

/** `components.responses` of the API's description. */
export const refusalComponents = Object.fromEntries(
  Object.entries(components).map(([name, { description, example, status }]) => [
    name,
    {
      description,
      ...((status === 429 || status === 503) && {
        headers: { 'retry-after': { description: 'Seconds to wait', schema: { type: 'integer' } } },
      }),
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' }, example } },
    },
  ]),
)

/** The one form of every refusal: flat, `error` always a sentence for people. */
export const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: { type: 'string' },
    details: {
      type: 'object',
      description: 'With 422: field name → what is wrong with it; nested fields as `keys.p256dh`.',
      additionalProperties: { type: 'array', items: { type: 'string' } },
    },
    retry_after: { type: 'integer', description: 'With 429 and 503: seconds to wait.' },
  },
}
