import { holdApp } from '../apps/app-lock-store.ts'
import { emitEvents } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import type { Trx } from '../platform/db/db.ts'
import { ApiError, found, refusals } from '../platform/errors.ts'
import { subscriberEvent } from './subscriber-event.ts'
import { readSubscriber, type Subscriber } from './subscriber-reader-store.ts'
import { deleteSubscriber, markUnsubscribed } from './subscriber-store.ts'

type UnsubscribeDeps = Pick<Deps, 'db' | 'clock'>

/**
 * Opts a subscriber out. The first time emits an event. The subscriber gets no pushes until it registers again.
 *
 * @param key with a `userEpoch`, the subscriber opts out only while it still has this epoch's user
 * @returns the subscriber as it is now
 * @throws 404 when the app has no such subscriber
 */
export async function unsubscribe(
  deps: UnsubscribeDeps,
  key: { appId: string; id: string; userEpoch?: number },
): Promise<Subscriber> {
  return deps.db.transaction().execute(async (trx) => {
    if (!(await holdApp(trx, key.appId))) throw refusals.notFound()
    const left = await markUnsubscribed(trx, key, deps.clock.now())
    if (!left) return found(await readSubscriber(trx, key.appId, key.id))
    await publishLeaving(trx, deps, left)
    return left
  })
}

/** Like {@link unsubscribe}, but a subscriber that was deleted meanwhile is not an error. */
export async function unsubscribeIfThere(...given: Parameters<typeof unsubscribe>): Promise<void> {
  await unsubscribe(...given).catch((error: unknown) => {
    if (!(error instanceof ApiError && error.shape.status === 404)) throw error
  })
}

/**
 * Deletes a subscriber and emits an event, unless the subscriber had already opted out.
 *
 * @throws 404 when the app has no such subscriber
 */
export async function removeSubscriber(
  deps: UnsubscribeDeps,
  key: { appId: string; id: string },
): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    if (!(await holdApp(trx, key.appId))) throw refusals.notFound()
    const deleted = found(await deleteSubscriber(trx, key))
    if (deleted.status !== 'unsubscribed') await publishLeaving(trx, deps, deleted)
  })
}

async function publishLeaving(trx: Trx, deps: UnsubscribeDeps, subscriber: Subscriber): Promise<void> {
  await emitEvents(trx, [subscriberEvent('subscriber.unsubscribed', subscriber, deps.clock.now())])
}
