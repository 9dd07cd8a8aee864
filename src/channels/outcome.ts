/** Why a subscriber could not be reached for good; the word the API and the events use. */
export type FailureReason = 'gone' | 'rejected' | 'too_large' | 'expired' | 'unreachable'

/**
 * What became of one push.
 * - `sent`: the push service accepted it.
 * - `gone`: it says that the token is no longer valid; the subscriber turns inactive.
 * - `retry`: it may work later; `afterSeconds` is what the push service asked for (Retry-After), if it did.
 * - `deferred`: it was not attempted: the push service is left alone for `afterSeconds`, or the page's time was up.
 * - `rejected`: it will never work, though the token may be fine.
 * `status` is the provider's HTTP status, null when no answer came; `error` says in words what happened then.
 */
export type Outcome =
  | { kind: 'sent'; status: number }
  | { kind: 'gone'; status: number }
  | { kind: 'retry'; status: number | null; afterSeconds: number | null; error: string }
  | { kind: 'deferred'; status: null; afterSeconds: number; error: string }
  | {
      kind: 'rejected'
      status: number | null
      reason: FailureReason
      error: string
      keyRefusal?: KeyRefusal
    }

/** A push service says that the subscription was made with another key pair than the one that signed. */
export interface KeyRefusal {
  /** When the same service last took a push signed with that pair; null: not since this process started. */
  acceptedAt: Date | null
}

/** The outcome of a push that cannot be sent at all. */
export function rejected(error: string): Outcome {
  return { kind: 'rejected', status: null, reason: 'rejected', error }
}
