import { readBody } from './read-body.ts'
import { type ReceiverOptions, receiveDelivery } from './receive.ts'

/**
 * A handler of Fetch API requests (Deno, Bun, workers, Next.js): verifies each delivery, calls the handlers, answers.
 *
 * @returns a function that rethrows a handler's error: its host then answers 500, and the service retries the delivery
 */
export function receiveWebhooks(options: ReceiverOptions<Request>): (request: Request) => Promise<Response> {
  return async (request) => {
    const read = (maxBodyBytes?: number) => readBody(request, maxBodyBytes)
    const { status, text, headers } = await receiveDelivery(request, request.headers, read, options)
    return new Response(text || null, { status, headers })
  }
}
