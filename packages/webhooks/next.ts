export type { ReceiverOptions } from './receive.ts'
/** For the App Router: `export const POST = receiveWebhooks({ secret, handlers })`. */
export { receiveWebhooks } from './receive-webhooks.ts'
