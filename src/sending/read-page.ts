import type { Db } from '../platform/db/db.ts'
import { type AudienceMember, readAudiencePage, readNamedMembers } from '../subscribers/audience-store.ts'
import { audienceCondition, audienceTest } from '../subscribers/targeting.ts'
import type { DueBatch } from './due-store.ts'

/** Reads the members of a batch that are still active and still match the targeting. */
export async function readPageMembers(db: Db, batch: DueBatch): Promise<AudienceMember[]> {
  const { appId, subscriberIds } = batch
  if (!subscriberIds) return readAudiencePage(db, appId, batch, audienceCondition(batch.targeting))
  const named = { appId, subscriberIds, isStillIn: audienceTest(batch.targeting) }
  const [members] = await readNamedMembers(db, [named], subscriberIds.length)
  return members!
}
