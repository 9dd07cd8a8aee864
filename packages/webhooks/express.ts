import { type NodeBodySource, readNodeBody } from './read-body.ts'
import { type ReceiverOptions, receiveDelivery } from './receive.ts'

export type { ReceiverOptions } from './receive.ts'

/** The parts used of a request of Express, Connect, Next.js' Pages Router or `node:http`. */
export interface NodeRequest extends NodeBodySource {
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined }
}

export interface NodeResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(text: string): unknown
}

/**
 * A route for Express 4 and 5: reads the raw body, or uses the body of `express.raw()`, verifies it, calls the handlers
 * and answers. A handler's error goes to `next`; after its 500, the service retries the delivery.
 */
export function receiveWebhooks<Request extends NodeRequest>(
  options: ReceiverOptions<Request>,
): (request: Request, response: NodeResponse, next: (error: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    try {
      const read = (maxBodyBytes?: number) => readNodeBody(request, maxBodyBytes)
      const { status, text, headers } = await receiveDelivery(request, request.headers, read, options)
      response.statusCode = status
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      response.end(text)
    } catch (error) {
      next(error)
    }
  }
}
