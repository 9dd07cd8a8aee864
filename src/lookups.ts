import type { PublicRegistration } from './database.ts'

/** A key as requests are judged by it. */
export interface WorkingKey {
  id: string
  teamId: string
  scopes: string[]
  expiresAt: Date | null
  lastUsedAt: Date | null
}

/** The keys that are in use, from memory. */
export interface KeyRing {
  /**
   * The key with this hash if it works now. A key that was revoked elsewhere works until that is heard of: some
   * milliseconds, and a second without LISTEN.
   *
   * @param mayLookUp whether the database is asked when the key is not in memory; false: it counts as unknown
   */
  find(keyHash: Buffer, mayLookUp: () => Promise<boolean>): Promise<WorkingKey | undefined>
  /** Reads the key again when it is used next. */
  forget(keyHash: string): void
  /** Stores when keys were used last. */
  stop(): Promise<void>
}

/** What requests need of an app before anything else. */
export interface KnownApp {
  id: string
  teamId: string
  settings: Record<string, unknown>
  /** The number of its current key pair. */
  vapidPair: number
  vapidPublicKey: string
  publicRegistration: PublicRegistration | null
  /** Encrypted at rest. */
  identitySecret: Uint8Array | null
  /** Its signatures are accepted until it expires, too; encrypted at rest. */
  previousIdentitySecret: Uint8Array | null
  previousIdentitySecretExpiresAt: Date | null
}

/** Apps as far as requests need them before anything else, from memory. */
export interface KnownApps {
  /**
   * The team's app. It can have been changed or deleted elsewhere some milliseconds ago, or up to a second without
   * LISTEN: whoever writes for it holds it in the same transaction (`holdApp`).
   *
   * @throws 404 when the team has no such app
   */
  require(teamId: string, id: string): Promise<KnownApp>
  /** The app whose publishable key it is, whatever its team. */
  findByPublishableKey(key: string): Promise<KnownApp | undefined>
  /** Reads the app again when it is asked for next. Call once a change of it has committed. */
  forget(id: string): void
}
