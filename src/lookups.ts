import type { PublicRegistration } from './database.ts'

/** The parts of an API key that decide whether a request is allowed. */
export interface WorkingKey {
  id: string
  teamId: string
  scopes: string[]
  expiresAt: Date | null
  lastUsedAt: Date | null
}

/** API keys in use, kept in memory. */
export interface KeyRing {
  /**
   * Finds the key with this hash if it is valid now. A key that another process revoked stays valid until this process
   * hears of it: after some milliseconds, or up to a second without LISTEN.
   *
   * @param mayLookUp whether to ask the database when the key is not in memory; false: the key counts as unknown
   */
  find(keyHash: Buffer, mayLookUp: () => Promise<boolean>): Promise<WorkingKey | undefined>
  /** Makes the next use of the key read it from the database again. */
  forget(keyHash: string): void
  /** Stores when each key was last used. */
  stop(): Promise<void>
}

/** The parts of an app that every request needs first. */
export interface KnownApp {
  id: string
  teamId: string
  settings: Record<string, unknown>
  /** The number of the app's current key pair. */
  vapidPair: number
  vapidPublicKey: string
  publicRegistration: PublicRegistration | null
  /** Encrypted at rest. */
  identitySecret: Uint8Array | null
  /** Signatures by the previous secret are also accepted, until it expires; encrypted at rest. */
  previousIdentitySecret: Uint8Array | null
  previousIdentitySecretExpiresAt: Date | null
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The app in the path, or that of the publishable key; only on routes that have one of these. */
    app: KnownApp
  }
}

/** Apps kept in memory, with the parts that every request needs first. */
export interface KnownApps {
  /**
   * Returns the team's app. Another process may have changed or deleted it some milliseconds ago, or up to a second
   * ago without LISTEN. A transaction that writes for the app therefore holds it (`holdApp`).
   *
   * @throws 404 when the team has no such app
   */
  require(teamId: string, id: string): Promise<KnownApp>
  /** Finds the app with this publishable key, in any team. */
  findByPublishableKey(key: string): Promise<KnownApp | undefined>
  /** Makes the next request read the app from the database again. Call this after a change of the app commits. */
  forget(id: string): void
}
