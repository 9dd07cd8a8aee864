import type { Message, Oversize, ShownMessage } from './message.ts'
import type { Outcome } from './outcome.ts'

/** A secret that identifies an app to a platform's push services, e.g. a VAPID key pair. */
export interface Credential {
  /** The public part. Web Push: the key that browsers subscribe with. */
  publicPart: string
  /** @throws Error when it cannot be decrypted */
  readSecret(): Uint8Array
}

/** An app as one channel sees it. */
export interface ChannelApp {
  id: string
  /** The stored credentials of the app for this channel, by number. An app may change its credential. */
  credentials: ReadonlyMap<number, Credential>
}

/** A stored subscriber, from which a channel makes its target. */
export interface SubscriberRow {
  id: string
  /** Web: the push endpoint URL; other platforms: the device token. */
  token: string
  p256dh: Uint8Array | null
  auth: Uint8Array | null
  /** The number of the app credential that the subscriber registered with. */
  credential: number
  userEpoch: number
}

/** A target, or the outcome that tells why there is none. */
export type TargetOrOutcome<Target> = { target: Target } | { outcome: Outcome }

/**
 * Sends pages of pushes to one platform's push services. A channel does not use the database. `conformance.test.ts`
 * tests the rules for every channel.
 *
 * @typeParam Settings what the channel needs from an app: its credentials, and values derived from them
 * @typeParam Target a subscriber in the form that the channel sends to
 */
export interface Channel<Settings = unknown, Target = unknown> {
  /** Chooses what sending needs from an app, once per page. @throws Error when nothing can be sent with it */
  readSettings(app: ChannelApp): Settings
  toTarget(settings: Settings, row: SubscriberRow): TargetOrOutcome<Target>
  /** @returns the field of the notification to shorten; undefined when the payload fits into a push */
  findOversize(message: ShownMessage): Oversize | undefined
  /**
   * Sends a notification to each target, many at a time. Different apps and pages take turns at a push service.
   *
   * @param signal aborted when the page's time is up. Pushes not started by then are `deferred`, running ones `retry`
   * @param mayStart asked before each push; false: it is `deferred`, running ones continue
   * @returns one outcome per target, in their order; never rejects because of a single target
   */
  send(
    settings: Settings,
    message: Message,
    targets: readonly Target[],
    signal: AbortSignal,
    mayStart: () => boolean,
  ): Promise<Outcome[]>
  /** Closes connections and workers. */
  close(): Promise<void>
}
