import { type RawBuilder, sql } from 'kysely'

/** What a row stores of the secret that an update replaces. */
export interface PreviousSecret {
  secret: RawBuilder<Uint8Array | null> | null
  /** Null without a secret before, or without an overlap. */
  expiresAt: RawBuilder<Date | null>
}

/**
 * The previous secret for an update that replaces a secret: it is valid for `overlapSeconds` beside the new one.
 *
 * @param column of the secret
 * @param overlapSeconds 0: the previous secret is dropped
 */
export function previousSecret(column: string, overlapSeconds: number, now: Date): PreviousSecret {
  const until = overlapSeconds > 0 ? new Date(now.getTime() + overlapSeconds * 1_000) : null
  return {
    secret: until && sql<Uint8Array | null>`${sql.ref(column)}`,
    expiresAt: sql<Date | null>`case when ${sql.ref(column)} is null then null else ${until}::timestamptz end`,
  }
}
