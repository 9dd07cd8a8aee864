import { ApiError, UnexpectedAnswerError } from '../../../packages/client/index.ts'
import { ConfigError } from '../../platform/config-error.ts'

/** Turns an error of the client into one sentence that says what the user can do about it. */
export function explain(error: unknown, url: string, appId: string | undefined): unknown {
  if (error instanceof ConfigError || !(error instanceof Error)) return error
  const options = { cause: error }
  if (
    error instanceof UnexpectedAnswerError ||
    (error instanceof ApiError && error.status === 404 && !appId)
  ) {
    return new ConfigError(`--url: ${url} is not a Krafter Push service`, options)
  }
  switch (error instanceof ApiError ? error.status : undefined) {
    case 401:
      return new ConfigError(
        `${url} does not accept the API key: set one that works in KRAFTER_API_KEY`,
        options,
      )
    case 403:
      return new ConfigError('the API key lacks the scope push:read: set another in KRAFTER_API_KEY', options)
    case 404:
      return new ConfigError(`--app: there is no app ${appId} for this API key at ${url}`, options)
    case 422: {
      const { details, error: sentence } = error as ApiError
      return new ConfigError(`--events ${details?.event?.[0] ?? sentence}`, options)
    }
  }
  return new ConfigError(`the service at ${url} cannot be used: ${error.message}`, options)
}
