import type { Context, Env } from 'hono'
import { checkLength, readBody } from './read-body.ts'
import { type ReceiverOptions, receiveDelivery } from './receive.ts'

export type { ReceiverOptions } from './receive.ts'

/**
 * A route for Hono: verifies each delivery, calls the handlers and answers. A handler's error goes to `app.onError`;
 * after its 500, the service retries the delivery.
 */
export function receiveWebhooks<E extends Env = Env>(
  options: ReceiverOptions<Context<E>>,
): (context: Context<E>) => Promise<Response> {
  return async (context) => {
    const { raw } = context.req
    // If a middleware has already read the body, Hono's cache still has it.
    const read = async (maxBodyBytes?: number) =>
      raw.bodyUsed
        ? checkLength(new Uint8Array(await context.req.arrayBuffer()), maxBodyBytes)
        : readBody(raw, maxBodyBytes)
    const { status, text, headers } = await receiveDelivery(context, raw.headers, read, options)
    return new Response(text || null, { status, headers })
  }
}
