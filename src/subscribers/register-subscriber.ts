import { holdApp } from '../apps/app-store.ts'
import { emitEvent } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import type { Trx } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import { changeByRegistration, changeByRenewal } from './subscriber-change.ts'
import { subscriberEvent } from './subscriber-event.ts'
import {
  findByToken,
  insertSubscriber,
  type Registration,
  type Subscriber,
  type SubscriberUpdate,
  updateSubscriber,
} from './subscriber-store.ts'

type RegisterDeps = Pick<Deps, 'db' | 'queue' | 'clock'>

/** Registrations of one token that collide with its deletion this often in a row are no coincidence. */
const maxTries = 10

/**
 * Registers a subscriber, or brings the one that has the token up to date: active, seen now, with the given fields;
 * fields not given keep their values, unless the token moves to another user. One that is new or active again is an
 * event, however many requests come at once. Where nothing is new, nothing is written. A token that nobody has goes to the
 * subscriber of the old token, where one is named and known.
 *
 * @throws 404 when the app is gone; 422 when a web token that is not known comes without keys
 */
export async function registerSubscriber(
  deps: RegisterDeps,
  given: Registration,
): Promise<{ subscriber: Subscriber; created: boolean }> {
  // What nearly every request is: a browser that says once more that it is there. A look, and no transaction.
  const known = await findByToken(deps.db, given)
  if (known && !changeByRegistration(known, given, deps.clock.now())) {
    return { subscriber: known, created: false }
  }
  return deps.db.transaction().execute(async (trx) => {
    const renewed = known ? undefined : await renewKnown(trx, deps, given)
    if (renewed) return renewed
    let isKnown = known !== undefined
    for (let tries = 1; tries <= maxTries; tries++, isKnown = !isKnown) {
      const done = await (isKnown ? refreshKnown(trx, deps, given) : insertNew(trx, deps, given))
      if (done) return done
    }
    throw new Error('the subscriber was deleted again and again while it was registered')
  })
}

async function insertNew(trx: Trx, deps: RegisterDeps, given: Registration) {
  if (given.platform === 'web' && !given.keys) throw refusals.invalid({ keys: ['is required for web'] })
  const now = deps.clock.now()
  const subscriber = await insertSubscriber(trx, given, now)
  if (!subscriber) return undefined
  await emitEvent(trx, subscriberEvent('subscriber.registered', subscriber, now))
  return { subscriber, created: true }
}

async function renewKnown(trx: Trx, deps: RegisterDeps, given: Registration) {
  if (given.oldToken === undefined || given.oldToken === given.token) return undefined
  if (!(await holdApp(trx, given.appId))) throw refusals.notFound()
  const before = await findByToken(trx, { ...given, token: given.oldToken }, 'lock')
  // The page and its service worker may both have told of it.
  if (!before || (await findByToken(trx, given))) return undefined
  const now = deps.clock.now()
  return applyUpdate(trx, before, changeByRenewal(before, given, now), now)
}

async function refreshKnown(trx: Trx, deps: RegisterDeps, given: Registration) {
  if (!(await holdApp(trx, given.appId))) throw refusals.notFound()
  const before = await findByToken(trx, given, 'lock')
  if (!before) return undefined
  const now = deps.clock.now()
  const update = changeByRegistration(before, given, now)
  if (!update) return { subscriber: before, created: false }
  return applyUpdate(trx, before, update, now)
}

async function applyUpdate(trx: Trx, before: Subscriber, update: SubscriberUpdate, now: Date) {
  const subscriber = await updateSubscriber(trx, before, update)
  if (update.status === 'active') {
    await emitEvent(trx, subscriberEvent('subscriber.registered', subscriber, now))
  }
  return { subscriber, created: false }
}
