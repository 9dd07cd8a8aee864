import type { Deps } from '../deps.ts'
import { deleteOldIdempotencyKeys } from './idempotency-store.ts'

/** Hourly: deletes expired keys. */
export async function runIdempotencyUpkeep(deps: Pick<Deps, 'db' | 'clock' | 'log'>): Promise<void> {
  const deleted = await deleteOldIdempotencyKeys(deps.db, deps.clock.now())
  deps.log.debug({ deleted }, 'idempotency.upkeep')
}
