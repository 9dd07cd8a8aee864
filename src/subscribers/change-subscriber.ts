import { holdApp } from '../apps/app-store.ts'
import type { SubscriberStatus } from '../database.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../errors.ts'
import { emitEvent } from '../events/emit-event.ts'
import { subscriberEvent } from './subscriber-event.ts'
import {
  lockSubscriber,
  type Subscriber,
  type SubscriberChange,
  updateSubscriber,
} from './subscriber-store.ts'

/**
 * Changes what is given. One that turns active, or opts out, is an event.
 *
 * @throws 404 when the app has no such subscriber; 422 when another one has the token
 */
export async function changeSubscriber(
  deps: Pick<Deps, 'db' | 'queue' | 'clock'>,
  key: { appId: string; id: string },
  change: SubscriberChange,
): Promise<Subscriber> {
  return deps.db.transaction().execute(async (trx) => {
    if (!(await holdApp(trx, key.appId))) throw refusals.notFound()
    const before = await lockSubscriber(trx, key)
    if (!before) throw refusals.notFound()
    const now = deps.clock.now()
    const subscriber = await updateSubscriber(trx, { ...key, platform: before.platform }, change, now)
    const type = eventOfChange(before.status, subscriber.status)
    if (type) await emitEvent(trx, deps, subscriberEvent(type, subscriber, now))
    return subscriber
  })
}

function eventOfChange(before: SubscriberStatus, after: SubscriberStatus) {
  if (before === after) return undefined
  if (after === 'active') return 'subscriber.registered'
  return after === 'unsubscribed' ? 'subscriber.unsubscribed' : undefined
}
