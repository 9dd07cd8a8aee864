/** What the API answers when it does not do what was asked: contract section 1. */
export interface ApiErrorShape {
  status: number
  error: string
  details?: Record<string, string[]>
  retryAfterSeconds?: number
  /** Seconds to wait, said in the `retry-after` header alone. */
  retryAfterHeader?: number
}

/** An answer other than the wanted one; thrown by verbs and hooks, turned into its flat body by platform/http. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly shape: ApiErrorShape

  constructor(shape: ApiErrorShape) {
    super(shape.error)
    this.shape = shape
  }
}

/** @throws 404 when there is none */
export function found<Row>(row: Row | null | undefined): Row {
  if (row === null || row === undefined) throw refusals.notFound()
  return row
}

/** The catalogue: every refusal there is, with its status and public text. None is logged above `info`. */
export const refusals = {
  unauthorized: () => new ApiError({ status: 401, error: 'Invalid or missing API key' }),
  unknownPublishableKey: () => new ApiError({ status: 401, error: 'Invalid or missing publishable key' }),
  originNotAllowed: () =>
    new ApiError({ status: 403, error: "The app's public_registration does not allow this origin" }),
  insufficientScope: () => new ApiError({ status: 403, error: 'Insufficient scope' }),
  /** DNS rebinding: mcp/origin.ts. */
  foreignOrigin: () => new ApiError({ status: 403, error: 'The origin of the page is not allowed' }),
  /** No such thing, or another team's: the two are never told apart. */
  notFound: () => new ApiError({ status: 404, error: 'Not found' }),
  methodNotAllowed: () => new ApiError({ status: 405, error: 'Method not allowed' }),
  malformedBody: (error: string) => new ApiError({ status: 400, error }),
  /** Not HTTP at all; what comes before a route can be found. */
  unreadableRequest: () => new ApiError({ status: 400, error: 'Request is not valid HTTP' }),
  requestTimeout: () => new ApiError({ status: 408, error: 'Request did not arrive in time' }),
  headersTooLarge: () => new ApiError({ status: 431, error: 'Request headers are too large' }),
  bodyTooLarge: () => new ApiError({ status: 413, error: 'Request body is too large' }),
  notJson: () => new ApiError({ status: 415, error: 'Content-Type must be application/json' }),
  /** @param details field name → what is wrong with it; nested fields as `keys.p256dh` */
  invalid: (details: Record<string, string[]>) =>
    new ApiError({ status: 422, error: 'Validation failed', details }),
  rateLimited: (retryAfterSeconds: number) =>
    new ApiError({ status: 429, error: 'Rate limit exceeded', retryAfterSeconds }),
  /** The database is away, takes no writes or has too much to do. */
  unavailable: () => new ApiError({ status: 503, error: 'Service unavailable', retryAfterHeader: 1 }),
  tooManyStreamsOfTeam: () =>
    new ApiError({
      status: 429,
      error: 'Too many event streams are open for this team',
      retryAfterSeconds: 10,
    }),
  tooManyStreams: () =>
    new ApiError({ status: 503, error: 'Too many event streams are open', retryAfterSeconds: 10 }),
}
