/** An error response of the API: contract section 1. */
export interface ApiErrorShape {
  status: number
  error: string
  details?: Record<string, string[]>
  retryAfterSeconds?: number
  /** Seconds to wait, sent only in the `retry-after` header. */
  retryAfterHeader?: number
}

/** An error response. Verbs and hooks throw it, and platform/http turns it into a flat body. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly shape: ApiErrorShape

  constructor(shape: ApiErrorShape) {
    super(shape.error)
    this.shape = shape
  }
}

/** @throws 404 when there is no row */
export function found<Row>(row: Row | null | undefined): Row {
  if (row === null || row === undefined) throw refusals.notFound()
  return row
}

/** The catalogue of all refusals, with status and public text. Refusals are not logged above `info`. */
export const refusals = {
  unauthorized: () => new ApiError({ status: 401, error: 'Invalid or missing API key' }),
  unknownPublishableKey: () => new ApiError({ status: 401, error: 'Invalid or missing publishable key' }),
  originNotAllowed: () =>
    new ApiError({ status: 403, error: "The app's public_registration does not allow this origin" }),
  insufficientScope: () => new ApiError({ status: 403, error: 'Insufficient scope' }),
  /** Protects against DNS rebinding: mcp/origin.ts. */
  foreignOrigin: () => new ApiError({ status: 403, error: 'The origin of the page is not allowed' }),
  /** The resource does not exist or belongs to another team; the response never reveals which. */
  notFound: () => new ApiError({ status: 404, error: 'Not found' }),
  methodNotAllowed: () => new ApiError({ status: 405, error: 'Method not allowed' }),
  malformedBody: (error: string) => new ApiError({ status: 400, error }),
  /** The request is not valid HTTP, and was refused before routing. */
  unreadableRequest: () => new ApiError({ status: 400, error: 'Request is not valid HTTP' }),
  requestTimeout: () => new ApiError({ status: 408, error: 'Request did not arrive in time' }),
  headersTooLarge: () => new ApiError({ status: 431, error: 'Request headers are too large' }),
  bodyTooLarge: () => new ApiError({ status: 413, error: 'Request body is too large' }),
  notJson: () => new ApiError({ status: 415, error: 'Content-Type must be application/json' }),
  /** @param details field name → error messages; nested fields as `keys.p256dh` */
  invalid: (details: Record<string, string[]>) =>
    new ApiError({ status: 422, error: 'Validation failed', details }),
  rateLimited: (retryAfterSeconds: number) =>
    new ApiError({ status: 429, error: 'Rate limit exceeded', retryAfterSeconds }),
  /** The database cannot be reached, takes no writes or is overloaded. */
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
