import { holdApp } from '../apps/app-store.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../errors.ts'
import { emitEvent } from '../events/emit-event.ts'
import type { Trx } from '../platform/db.ts'
import { subscriberEvent } from './subscriber-event.ts'
import {
  findByToken,
  insertSubscriber,
  type Registration,
  refreshActive,
  refreshSubscriber,
  type Subscriber,
} from './subscriber-store.ts'

type RegisterDeps = Pick<Deps, 'db' | 'queue' | 'clock'>

/** Registrations of one token that collide with its deletion this often in a row are no coincidence. */
const maxTries = 10

/**
 * Registers a subscriber, or brings the one that has the token up to date: active, seen now, with the given fields;
 * fields not given keep their values. One that is new or active again is an event, however many requests come at once.
 *
 * @throws 404 when the app is gone
 */
export async function registerSubscriber(
  deps: RegisterDeps,
  given: Registration,
): Promise<{ subscriber: Subscriber; created: boolean }> {
  // What nearly every request is: a browser that says it is still there. No event, so no transaction.
  const active = await refreshActive(deps.db, given, deps.clock.now())
  if (active) return { subscriber: active, created: false }
  return deps.db.transaction().execute(async (trx) => {
    for (let tries = 1; tries <= maxTries; tries++) {
      const done = (await insertNew(trx, deps, given)) ?? (await refreshKnown(trx, deps, given))
      if (done) return done
    }
    throw new Error('the subscriber was deleted again and again while it was registered')
  })
}

async function insertNew(trx: Trx, deps: RegisterDeps, given: Registration) {
  const now = deps.clock.now()
  const subscriber = await insertSubscriber(trx, given, now)
  if (!subscriber) return undefined
  await emitEvent(trx, deps, subscriberEvent('subscriber.registered', subscriber, now))
  return { subscriber, created: true }
}

async function refreshKnown(trx: Trx, deps: RegisterDeps, given: Registration) {
  if (!(await holdApp(trx, given.appId))) throw refusals.notFound()
  const before = await findByToken(trx, given)
  if (!before) return undefined
  const now = deps.clock.now()
  const subscriber = await refreshSubscriber(trx, before.id, given, now)
  if (before.status !== 'active') {
    await emitEvent(trx, deps, subscriberEvent('subscriber.registered', subscriber, now))
  }
  return { subscriber, created: false }
}
