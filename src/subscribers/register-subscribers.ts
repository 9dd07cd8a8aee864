import { AppLockedError, holdApps } from '../apps/app-lock-store.ts'
import { emitEvents } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import { ConflictError, isTaken } from '../platform/db/database-errors.ts'
import { pipelined } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import {
  decideRegistrations,
  type NamedRegistration,
  nameTokens,
  type Registered,
} from './decide-registrations.ts'
import type { Registration } from './subscriber-change.ts'
import { subscriberEvent } from './subscriber-event.ts'
import { findByTokens, insertSubscribers, saveSubscribers } from './subscriber-store.ts'

/**
 * Registers subscribers of any apps. A subscriber that already has the token is updated: active, seen now, with the
 * given fields. Fields not given keep their values, unless the token moves to another user. If nobody has the token,
 * the subscriber with the old token gets it, if there is one. A new or reactivated subscriber emits one event, however
 * many requests come at once. If nothing changes, nothing is written. All changes share one transaction and a fixed
 * number of statements. Registrations of the same token apply in their order.
 *
 * @param waiting `skip locked`: registrations of apps that are being deleted get an AppLockedError error
 * @returns a result for each registration, in their order; a 404 when its app is gone, a 422 for an unknown web token
 *   without keys
 */
export async function registerSubscribers(
  deps: Pick<Deps, 'db' | 'clock'>,
  given: readonly Registration[],
  waiting?: 'skip locked',
): Promise<(Registered | Error)[]> {
  const registrations = given.map(nameTokens)
  // Nearly every request is a known browser that registers again. It costs one read and no transaction.
  const known = await findByTokens(deps.db, namesOf(registrations))
  const { results, written } = decideRegistrations(known, registrations, deps.clock.now())
  const places = [...registrations.keys()].filter((place) => written.has(registrations[place]!.name))
  if (places.length === 0) return results
  const changing = places.map((place) => registrations[place]!)
  let tries = 0
  await deps.db.transaction().execute(async (trx) => {
    const apps = await holdApps(
      trx,
      changing.map(({ appId }) => appId),
      waiting,
    )
    const ofApps = changing.filter(({ appId }) => apps.has(appId))
    // The first try skips tokens that nobody had. A retry locks all, because somebody may have registered them since.
    const isRetry = tries > 0
    tries += 1
    const isWorthLocking = (name: string) => isRetry || known.has(name)
    const locked = await findByTokens(trx, namesOf(ofApps).filter(isWorthLocking), 'lock')
    const now = deps.clock.now()
    const decision = decideRegistrations(locked, ofApps, now)
    const arrived = decision.arrivals.map((subscriber) =>
      subscriberEvent('subscriber.registered', subscriber, now),
    )
    const [, inserted] = await pipelined([
      saveSubscribers(trx, decision.steps),
      insertSubscribers(trx, decision.inserts),
      emitEvents(trx, arrived),
    ]).catch((error: unknown) => {
      // A concurrent request registered the token that the old token's subscriber was to get.
      if (changing.length > 1 || !isTaken(error)) throw error
      throw new ConflictError('a token was registered at the same time')
    })
    if (inserted < decision.inserts.length) throw new ConflictError('a token was registered at the same time')
    const decided = decision.results.values()
    for (const place of places) {
      const isHeld = apps.has(registrations[place]!.appId)
      results[place] = isHeld ? decided.next().value! : waiting ? new AppLockedError() : refusals.notFound()
    }
  })
  return results
}

/** The names of all tokens and old tokens, each once, in the order in which they are locked. */
function namesOf(registrations: readonly NamedRegistration[]): string[] {
  const names = registrations.flatMap(({ name, oldName }) =>
    oldName === undefined ? [name] : [name, oldName],
  )
  return [...new Set(names)].sort()
}
