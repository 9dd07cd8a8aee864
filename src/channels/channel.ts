import type { Message, Oversize } from './message.ts'
import type { Outcome } from './outcome.ts'

/** A secret by which an app is known to a platform's push services, e.g. a VAPID key pair. */
export interface Credential {
  /** Its public part; Web Push: the key that browsers subscribe with. */
  publicPart: string
  /** @throws Error when it cannot be decrypted */
  readSecret(): Uint8Array
}

/** An app as one channel knows it. */
export interface ChannelApp {
  id: string
  /** What it has stored for this channel, by number: an app may change its credential. */
  credentials: ReadonlyMap<number, Credential>
}

/** A subscriber as it is stored, of which a channel makes its target. */
export interface SubscriberRow {
  id: string
  /** Web: the push endpoint URL; else the device token. */
  token: string
  p256dh: Uint8Array | null
  auth: Uint8Array | null
  /** The number of the app's credential that it registered with. */
  credential: number
  userEpoch: number
}

/** A target, or why there is none. */
export type TargetOrOutcome<Target> = { target: Target } | { outcome: Outcome }

/**
 * Sends pages of pushes to one platform's push services. Knows no database. What every channel has to keep to is
 * `conformance.test.ts`.
 *
 * @typeParam Settings what it needs of an app: its credentials, and what is derived from them
 * @typeParam Target a subscriber as it sends to it
 */
export interface Channel<Settings = unknown, Target = unknown> {
  /** Reads an app's settings, once for each page. @throws Error when nothing can be sent with them */
  readSettings(app: ChannelApp): Settings
  toTarget(settings: Settings, row: SubscriberRow): TargetOrOutcome<Target>
  /** @returns the field of a notification to shorten; undefined when its payload fits into a push */
  findOversize(message: Message): Oversize | undefined
  /**
   * Sends a notification to each target, many at a time. Messages of several apps and pages share a push service in
   * turns.
   *
   * @param signal aborted when the page's time is up: what is not begun then is `deferred`, what is under way `retry`
   * @returns an outcome per target, in their order; never rejects for a single target's sake
   */
  send(
    settings: Settings,
    message: Message,
    targets: readonly Target[],
    signal: AbortSignal,
  ): Promise<Outcome[]>
  /** Closes connections and workers. */
  close(): Promise<void>
}
