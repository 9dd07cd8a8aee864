import { z } from 'zod'
import { type ApiError, refusals } from '../errors.ts'
import { detailsField } from '../http/answers.ts'
import type { Components, Json } from './components.ts'
import { answerHeaders } from './headers.ts'

/** The properties of a route that determine its refusals. */
export interface RefusalTraits {
  /** The route requires an API key. */
  keyed: boolean
  /** The route takes no key, and never refuses a body for its contents. */
  open: boolean
  /** The route requires a publishable key. */
  publishable: boolean
  hasParams: boolean
  hasBody: boolean
  /** Something in the request besides the path is validated. */
  validates: boolean
}

/** The refusals of a route: status → a reference to one of {@link describeRefusals}. */
export function refusalAnswers(traits: RefusalTraits): Record<number, { $ref: string }> {
  const { keyed, open, publishable, hasParams, hasBody, validates } = traits
  const isCounted = keyed || open || publishable
  const judgesBody = hasBody && !open
  const names = [
    judgesBody && 'MalformedBody',
    keyed && 'Unauthorized',
    keyed && 'InsufficientScope',
    publishable && 'UnknownPublishableKey',
    publishable && 'OriginNotAllowed',
    hasParams && 'NotFound',
    hasBody && 'BodyTooLarge',
    judgesBody && 'NotJson',
    validates && !open && 'Invalid',
    !isCounted && 'HeadersTooLarge',
    isCounted && 'RateLimited',
    isCounted && 'Failed',
    isCounted && 'Unavailable',
  ] as const
  return Object.fromEntries(
    names
      .filter((name) => name !== false)
      .map((name) => [components[name].status, { $ref: `#/components/responses/${name}` }]),
  )
}

const components = {
  MalformedBody: asAnswered(
    refusals.malformedBody('Request body is not valid JSON'),
    'The body is not a JSON object.',
  ),
  Unauthorized: asAnswered(refusals.unauthorized(), 'The key is missing, malformed, expired or revoked.'),
  InsufficientScope: asAnswered(
    refusals.insufficientScope(),
    'The key lacks the scope that the route needs.',
  ),
  UnknownPublishableKey: asAnswered(
    refusals.unknownPublishableKey(),
    'The publishable key is missing, malformed, or that of no app.',
  ),
  OriginNotAllowed: asAnswered(
    refusals.originNotAllowed(),
    'The app takes no public registrations from the origin of the page.',
  ),
  NotFound: asAnswered(
    refusals.notFound(),
    'There is no such thing, or it belongs to another team. An id that is not a UUID answers the same.',
  ),
  BodyTooLarge: asAnswered(refusals.bodyTooLarge(), 'The body is longer than 1 MiB, of a batch 8 MiB.'),
  NotJson: asAnswered(refusals.notJson(), 'The `content-type` is not `application/json`.'),
  Invalid: asAnswered(
    refusals.invalid({ title: ['is required'] }),
    'Fields are wrong. `details` names each of them and says what is wrong.',
  ),
  HeadersTooLarge: asAnswered(
    refusals.headersTooLarge(),
    'The request line and the headers are longer than 16 KiB together.',
  ),
  RateLimited: asAnswered(
    refusals.rateLimited(23),
    'The requests of this minute are used up: those of the team, or without a key those of the client address. Try again after `retry_after` seconds.',
  ),
  Failed: {
    status: 500,
    example: { error: 'Internal server error' },
    description: 'A fault of the service. The log has the cause.',
  },
  Unavailable: asAnswered(
    refusals.unavailable(),
    'The database cannot be reached, takes no writes or is overloaded. Try again after `retry-after` seconds.',
  ),
}

function asAnswered({ shape }: ApiError, description: string) {
  const { status, error, details, retryAfterSeconds } = shape
  const example: Record<string, unknown> = {
    error,
    ...(details && { details }),
    ...(retryAfterSeconds && { retry_after: retryAfterSeconds }),
  }
  return { status, example, description }
}

const error = z.string().describe('What is wrong, in a sentence for people. Decide by the status.')

/** The format of every refusal: a flat object, in which `error` is a sentence for people. */
const errorSchema = z.object({ error }).meta({ id: 'Error', description: 'Why the request was refused.' })
const validationErrorSchema = z
  .object({ error, details: detailsField })
  .meta({ id: 'ValidationError', description: 'Which fields are wrong, and why.' })
/** A refusal whose body says when to try again. */
export const busyErrorSchema = z.object({ error, retry_after: z.int().describe('Seconds to wait.') }).meta({
  id: 'RateLimitError',
  description: 'Too many requests, or too much at once: wait, then try again.',
})

/** `components.responses` of the API's description. */
export function describeRefusals({ describe }: Pick<Components, 'describe'>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(components).map(([name, { description, example, status }]) => {
      const schema = status === 422 ? validationErrorSchema : status === 429 ? busyErrorSchema : errorSchema
      const headers = answerHeaders({
        limited: hasRateLimits(status),
        retryable: [429, 503].includes(status),
      })
      return [
        name,
        { description, headers, content: { 'application/json': { schema: describe(schema), example } } },
      ]
    }),
  )
}

/** Requests are counted before validation. Requests without a valid key show the limit only once it is exceeded. */
function hasRateLimits(status: number): boolean {
  return status !== 401 && status !== 431
}
