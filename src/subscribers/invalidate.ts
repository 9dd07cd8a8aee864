import { sql } from 'kysely'
import type { Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'

/** Marks subscribers of any apps inactive in one statement, after their push service reported the token as gone. */
export async function invalidateSubscribers(
  trx: Trx,
  gone: readonly { appId: string; subscriberId: string }[],
  now: Date,
): Promise<void> {
  if (gone.length === 0) return
  const keys = gone.map(({ appId, subscriberId }) => ({ appId, id: subscriberId }))
  await sql`
    update subscribers set status = 'inactive', inactive_reason = 'gone', updated_at = ${now}
    where status = 'active' and ${isOneOf('subscribers', keys)}`.execute(trx)
}
