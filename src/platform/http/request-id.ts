import type { IncomingMessage } from 'node:http'
import { newId } from '../ids.ts'

/** Sent with every response, and logged as `requestId` in every log line of the request. */
export const requestIdHeader = 'x-request-id'

/** Ids that are safe in a log and in a header without escaping. */
const plainId = /^[\w.:=+/-]{1,128}$/

/** The request id from the caller if it is short and plain; otherwise a new one. */
export function readRequestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[requestIdHeader]
  return typeof given === 'string' && plainId.test(given) ? given : newId()
}
