import type { IncomingMessage } from 'node:http'
import { newId } from '../ids.ts'

/** On every answer, and as `requestId` in every log line of the request. */
export const requestIdHeader = 'x-request-id'

/** What can stand in a log and in a header as it is. */
const plainId = /^[\w.:=+/-]{1,128}$/

/** The id that the caller gave the request, where it is short and plain; otherwise a new one. */
export function readRequestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[requestIdHeader]
  return typeof given === 'string' && plainId.test(given) ? given : newId()
}
