import type { Deliver } from '../pipeline.ts'
import type { ClaimedJob } from '../platform/queue.ts'

/** A claimed Deliver job, whose deliveries are recorded one by one. */
export interface OpenJob extends ClaimedJob<Deliver> {
  /** Deliveries of which nothing is recorded yet. With the last of them the job is settled. */
  unrecorded: number
}

/** A delivery of a claimed job. */
export interface ClaimedDelivery {
  id: string
  appId: string
  webhookId: string
  /** Attempts that it had when the job was made; once it has more it is not the job's any longer. */
  attemptCount: number
  job: OpenJob
}

export function toClaimedDeliveries(job: ClaimedJob<Deliver>): ClaimedDelivery[] {
  const { appId, webhookId, attemptCount, deliveryIds } = job.message
  const open = { ...job, unrecorded: deliveryIds.length }
  return deliveryIds.map((id) => ({ id, appId, webhookId, attemptCount, job: open }))
}
