export type { RawBody } from './bytes.ts'
export type { DeduplicationStore } from './deduplication-store.ts'
export {
  createDeduplicator,
  type Deduplicator,
  type DeduplicatorOptions,
  EventInProgressError,
} from './deduplicator.ts'
export { type WebhookErrorCode, WebhookVerificationError } from './errors.ts'
export * from './events.ts'
export { type EventHandlers, handleEvent } from './handlers.ts'
export type { WebhookHeaders } from './headers.ts'
export { verifyKrafterSignature } from './krafter-signature.ts'
export { createMemoryStore, type MemoryStoreOptions } from './memory-store.ts'
export type { ReceiverOptions } from './receive.ts'
export { receiveWebhooks } from './receive-webhooks.ts'
export type { WebhookSecret } from './secrets.ts'
export { type EventToSign, type SignedDelivery, type SignOptions, sign, signRequest } from './sign.ts'
export { type VerifyOptions, verify, verifyBatch, verifySignature } from './verify.ts'
export { type VerifyRequestOptions, verifyRequest, verifyRequestBatch } from './verify-request.ts'
