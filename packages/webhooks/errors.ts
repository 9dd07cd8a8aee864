/**
 * Why a delivery was not accepted.
 *
 * - `missing_header`: `webhook-id`, `webhook-timestamp` or `webhook-signature` is absent. Without the last, the
 *   webhook has no secret.
 * - `invalid_timestamp`: `webhook-timestamp` is not a whole number of seconds.
 * - `timestamp_too_old`, `timestamp_too_new`: it is further from now than the tolerance; a replay, or a clock is wrong.
 * - `invalid_signature`: no signature is by any of the secrets.
 * - `invalid_body`: signed, but not an event; or not the raw body.
 * - `batch`: signed, but several events: use `verifyBatch`.
 * - `too_large`: the body is longer than `maxBodyBytes`.
 * - `body_used`: something has read the request's body before, and left no raw one. The receiver's own fault.
 * - `invalid_secret`: no secret, an empty one, or a `whpk_` that is no public key. The receiver's own fault.
 */
export type WebhookErrorCode =
  | 'missing_header'
  | 'invalid_timestamp'
  | 'timestamp_too_old'
  | 'timestamp_too_new'
  | 'invalid_signature'
  | 'invalid_body'
  | 'batch'
  | 'too_large'
  | 'body_used'
  | 'invalid_secret'

/** A delivery that must not be acted on. The message never holds a secret, a signature or the body. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError'
  readonly code: WebhookErrorCode

  constructor(code: WebhookErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Whether the receiver itself is to blame: worth a 500 and a line in the log, not a 400. */
export function isOwnFault(error: WebhookVerificationError): boolean {
  return error.code === 'invalid_secret' || error.code === 'body_used'
}
