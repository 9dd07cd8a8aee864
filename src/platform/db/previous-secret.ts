import { sql } from 'kysely'

/**
 * The previous secret for an update that replaces a secret: it is valid for `overlapSeconds` beside the new one.
 *
 * @param column of the secret
 * @param overlapSeconds 0: the previous secret is dropped
 */
export function previousSecret(column: string, overlapSeconds: number, now: Date) {
  const until = overlapSeconds > 0 ? new Date(now.getTime() + overlapSeconds * 1_000) : null
  return {
    secret: until && sql<Uint8Array | null>`${sql.ref(column)}`,
    /** Null without a secret before, or without an overlap. */
    expiresAt: sql<Date | null>`case when ${sql.ref(column)} is null then null else ${until}::timestamptz end`,
  }
}
