import { holdApp } from '../apps/app-lock-store.ts'
import { emitEvents } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import { isTaken } from '../platform/db/database-errors.ts'
import { found, refusals } from '../platform/errors.ts'
import { changeByBackend, type SubscriberChange } from './subscriber-change.ts'
import { subscriberEvent } from './subscriber-event.ts'
import { lockSubscriber, type Subscriber } from './subscriber-reader-store.ts'
import { saveSubscribers } from './subscriber-store.ts'

const events = { active: 'subscriber.registered', unsubscribed: 'subscriber.unsubscribed' } as const

/**
 * Changes the given fields. A subscriber that turns active or opts out emits an event. If nothing changes, nothing is
 * written.
 *
 * @param app a new web token counts as made with the app's current key pair, unless the change names one
 * @throws 404 when the app has no such subscriber; 422 when another subscriber has the token, or its keys are missing
 */
export async function changeSubscriber(
  deps: Pick<Deps, 'db' | 'clock'>,
  app: { id: string; vapidPair: number },
  id: string,
  change: SubscriberChange,
): Promise<Subscriber> {
  return deps.db.transaction().execute(async (trx) => {
    if (!(await holdApp(trx, app.id))) throw refusals.notFound()
    const before = found(await lockSubscriber(trx, { appId: app.id, id }))
    const now = deps.clock.now()
    const update = changeByBackend(before, change, app.vapidPair, now)
    if (!update) return before
    const subscriber = { ...before, ...update }
    await saveSubscribers(trx, [{ before, after: subscriber }]).catch(refuseTakenToken)
    const type = update.status && events[update.status as keyof typeof events]
    if (type) await emitEvents(trx, [subscriberEvent(type, subscriber, now)])
    return subscriber
  })
}

function refuseTakenToken(error: unknown): never {
  throw isTaken(error) ? refusals.invalid({ token: ['is already registered'] }) : error
}
