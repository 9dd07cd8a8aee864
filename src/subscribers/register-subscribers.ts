import { AppLockedError, holdApps } from '../apps/app-lock-store.ts'
import { emitEvents } from '../deliveries/publish-event.ts'
import { readEventReceivers } from '../deliveries/receiver-store.ts'
import type { Deps } from '../deps.ts'
import { ConflictError, isTaken } from '../platform/db/database-errors.ts'
import { pipelined, type Trx } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import {
  decideRegistrations,
  type NamedRegistration,
  nameTokens,
  type Registered,
} from './decide-registrations.ts'
import type { Registration } from './subscriber-change.ts'
import { subscriberEvent } from './subscriber-event.ts'
import { findByTokens } from './subscriber-reader-store.ts'
import { insertSubscribers, saveSubscribers, vacateTokens } from './subscriber-store.ts'

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
  const guess = decideRegistrations(known, registrations, deps.clock.now())
  const { results, written } = guess
  const places = [...registrations.keys()].filter((place) => written.has(registrations[place]!.name))
  if (places.length === 0) return results
  const changing = places.map((place) => registrations[place]!)
  const appIds = [...new Set(changing.map(({ appId }) => appId))]

  /** Decides with the subscribers locked. A retry also locks those that somebody may have registered since. */
  const decideLocked = async (trx: Trx, isRetry: boolean) => {
    const apps = await holdApps(trx, appIds, waiting)
    const names = namesOf(changing.filter(({ appId }) => apps.has(appId)))
    const locked = await findByTokens(trx, isRetry ? names : names.filter((name) => known.has(name)), 'lock')
    const decision = decideRegistrations(locked, changing, deps.clock.now())
    for (const [index, place] of places.entries()) results[place] = decision.results[index]!
    return { apps, decision }
  }
  let tries = 0
  await deps.db.transaction().execute(async (trx) => {
    tries += 1
    // While nobody has the tokens there is nothing to lock, and the insert finds out whether somebody has them by now.
    const isGuess = tries === 1 && guess.steps.length === 0
    const { apps, decision } = isGuess ? { decision: guess } : await decideLocked(trx, tries > 1)
    const { inserts, steps, arrivals, now } = decision
    await vacateTokens(trx, steps)
    const [, { apps: held, inserted }, receivers] = await pipelined([
      saveSubscribers(trx, steps),
      insertSubscribers(trx, inserts, now, waiting),
      readEventReceivers(trx, [...new Set(arrivals.map(({ appId }) => appId))], now),
    ]).catch((error: unknown) => {
      // A concurrent request registered a token that an old token's subscriber was to get.
      if (tries > 1 || !isTaken(error)) throw error
      throw new ConflictError('a token was registered at the same time')
    })
    const isHeld = ({ appId }: { appId: string }) => (apps ?? held).has(appId)
    const expected = [...inserts.values()].filter(isHeld).length
    if (inserted < expected) throw new ConflictError('a token was registered at the same time')
    const arrived = arrivals.filter(isHeld).map((one) => subscriberEvent('subscriber.registered', one, now))
    await emitEvents(trx, arrived, false, receivers)
    for (const place of places) {
      if (!isHeld(registrations[place]!))
        results[place] = waiting ? new AppLockedError() : refusals.notFound()
    }
  })
  return results
}

/** The names of all tokens and old tokens, each once, in the order in which they are locked. */
function namesOf(registrations: readonly NamedRegistration[]): string[] {
  const names = registrations.flatMap(({ name, oldName }) => (oldName === undefined ? name : [name, oldName]))
  return [...new Set(names)].sort()
}
