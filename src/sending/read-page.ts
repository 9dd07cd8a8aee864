import type { Db } from '../platform/db/db.ts'
import { type AudienceMember, readAudiencePage, readNamedMembers } from '../subscribers/audience-store.ts'
import { audienceCondition } from '../subscribers/targeting.ts'
import type { DueBatch } from './due-store.ts'

/** Reads the members of a batch that are still active; in a key range, only those that still match the targeting. */
export async function readPageMembers(db: Db, batch: DueBatch): Promise<AudienceMember[]> {
  const { appId, subscriberIds } = batch
  if (!subscriberIds) return readAudiencePage(db, appId, batch, audienceCondition(batch.targeting))
  const [members] = await readNamedMembers(db, [{ appId, subscriberIds }], subscriberIds.length)
  return members!
}
