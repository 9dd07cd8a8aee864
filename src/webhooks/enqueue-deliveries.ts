import type { Deps } from '../deps.ts'
import { type Deliver, deliver } from '../pipeline.ts'
import type { Trx } from '../platform/db.ts'

/**
 * Deliveries of one job. Making, claiming and settling a job costs the database more than all the rest of a delivery;
 * yet who claims a job has all of its deliveries to make, and they wait for each other when their webhook is slow.
 */
const maxPerJob = 16

/** Enqueues the next attempt of deliveries in the caller's transaction, any number of them in a message. */
export async function enqueueDeliveries(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  messages: readonly (Deliver & { delaySeconds?: number })[],
): Promise<void> {
  const jobs = messages.flatMap(({ delaySeconds, ...message }) =>
    chunksOf(message.deliveryIds, maxPerJob).map((deliveryIds) => ({
      group: message.webhookId,
      delaySeconds,
      message: { ...message, deliveryIds },
    })),
  )
  await deps.queue.enqueue(trx, deliver, jobs)
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
