/**
 * Why a delivery was not accepted.
 *
 * - `missing_header`: `webhook-id`, `webhook-timestamp` or `webhook-signature` is absent. If only the signature is
 *   absent, the webhook has no secret.
 * - `invalid_timestamp`: `webhook-timestamp` is not a whole number of seconds.
 * - `timestamp_too_old`, `timestamp_too_new`: further from now than the tolerance: a replay, or a wrong clock.
 * - `invalid_signature`: no signature matches any of the secrets.
 * - `invalid_body`: the signed body is not an event, or the given body is not the raw one.
 * - `batch`: the signed body holds several events: use `verifyBatch`.
 * - `too_large`: the body is longer than `maxBodyBytes`.
 * - `body_used`: other code has already read the body and left no raw copy. An error of the receiver itself.
 * - `invalid_secret`: no secret, an empty one, or a malformed `whpk_` public key. An error of the receiver itself.
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

/** Whether the receiver itself caused the error: answer 500 and log it, rather than answering 400. */
export function isOwnFault(error: WebhookVerificationError): boolean {
  return error.code === 'invalid_secret' || error.code === 'body_used'
}
