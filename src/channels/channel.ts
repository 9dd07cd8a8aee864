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

/** A subscriber as a channel needs it. */
export interface Recipient {
  id: string
  /** Web: the push endpoint URL. */
  token: string
  p256dh: Uint8Array | null
  auth: Uint8Array | null
  /** What its payload alone has; see {@link Push.stampAt}. */
  stamp?: Uint8Array
}

/** The app's identity towards push services. */
export interface Sender {
  appId: string
  vapidPublicKey: string
  /** 32-byte scalar, decrypted. */
  vapidPrivateKey: Uint8Array
}

/** One notification as this channel sends it: the payload's bytes and the delivery options, the same for a page. */
export interface Push {
  payload: Uint8Array
  /** Where in the payload each recipient's `stamp` goes, all equally long, over what is there; null: they have none. */
  stampAt: number | null
  /** Seconds the push service keeps it for a device that is offline. */
  ttlSeconds: number
  urgency: 'very-low' | 'low' | 'normal' | 'high'
  /** Replaces an undelivered message with the same topic (RFC 8030 §5.4). */
  topic: string | null
}

/** Sends pages of pushes to one platform's push services. Knows no database. */
export interface Channel {
  /**
   * Sends one push to each recipient, many at a time.
   *
   * @param signal aborted when the page's time is up: what is not finished then comes back as `retry`
   * @returns an outcome per recipient, in their order; never rejects for a single recipient's sake
   */
  send(sender: Sender, push: Push, recipients: readonly Recipient[], signal: AbortSignal): Promise<Outcome[]>
  /** Closes connections and workers. */
  close(): Promise<void>
}
