import type { Db } from '../platform/db/db.ts'
import {
  type AudienceMember,
  type Named,
  readAudiencePage,
  readNamedMembers,
} from '../subscribers/audience-store.ts'
import { audienceCondition, audienceTest } from '../subscribers/targeting.ts'
import type { DueBatch } from './due-store.ts'

/** Reads the members of a batch that are still active and still match the targeting. */
export async function readPageMembers(db: Db, batch: DueBatch): Promise<AudienceMember[]> {
  const { appId, subscriberIds } = batch
  if (!subscriberIds) return readAudiencePage(db, appId, batch, audienceCondition(batch.targeting))
  const audience = retriedAudience(batch, subscriberIds)
  const [members] = await readNamedMembers(db, [audience], subscriberIds.length)
  return members!
}

/** The audience of a retry. @throws ZodError for targeting that this version cannot read */
export function retriedAudience({ appId, targeting }: DueBatch, subscriberIds: readonly string[]): Named {
  return { appId, subscriberIds, isStillIn: audienceTest(targeting) }
}
