/** Why a subscriber permanently cannot be reached, in the word that the API and the events use. */
export type FailureReason = 'gone' | 'rejected' | 'too_large' | 'expired' | 'unreachable'

/**
 * The outcome of one push.
 * - `sent`: the push service accepted the push.
 * - `gone`: the push service says that the token is no longer valid. The subscriber becomes inactive.
 * - `retry`: the push may work later. `afterSeconds` is the wait that the push service asked for (Retry-After), if any.
 * - `deferred`: the push was not attempted: its push service is paused for `afterSeconds`, or the page's time was up.
 * - `rejected`: the push will never work, though the token may be valid.
 * `status` is the HTTP status of the push service, null when no answer arrived. `error` describes what happened.
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

/** A push service says that the subscription was made with a key pair other than the signing one. */
export interface KeyRefusal {
  /** When this push service last accepted a push signed with that key pair; null: not since this process started. */
  acceptedAt: Date | null
}

/** The outcome of a push that cannot be sent at all. */
export function rejected(error: string): Outcome {
  return { kind: 'rejected', status: null, reason: 'rejected', error }
}
