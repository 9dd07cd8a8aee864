import { AppIsLocked, holdApps } from '../apps/app-store.ts'
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
 * Registers subscribers of any apps, or brings those that have the tokens up to date: active, seen now, with the given
 * fields; fields not given keep their values, unless the token moves to another user. A token that nobody has goes to the
 * subscriber of the old token, where one is named and known. One that is new or active again is an event, however many
 * requests come at once. Where nothing is new, nothing is written. All in one transaction and a fixed number of
 * statements; registrations of one token count in their order.
 *
 * @param waiting `skip locked`: registrations of apps that are being deleted are answered AppIsLocked
 * @returns a result for each, in their order; a 404 when its app is gone, a 422 for a web token that is not known and
 *   comes without keys
 */
export async function registerSubscribers(
  deps: Pick<Deps, 'db' | 'clock'>,
  given: readonly Registration[],
  waiting?: 'skip locked',
): Promise<(Registered | Error)[]> {
  const registrations = given.map(nameTokens)
  // What nearly every request is: a browser that says once more that it is there. A look, and no transaction.
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
    // What nobody has is not looked for again, unless somebody got it meanwhile.
    const isWorthLocking = (name: string) => tries > 0 || known.has(name)
    tries += 1
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
      // An old token's subscriber was to get a token that has just been registered.
      if (changing.length > 1 || !isTaken(error)) throw error
      throw new ConflictError('a token was registered at the same time')
    })
    if (inserted < decision.inserts.length) throw new ConflictError('a token was registered at the same time')
    const decided = decision.results.values()
    for (const place of places) {
      const isHeld = apps.has(registrations[place]!.appId)
      results[place] = isHeld ? decided.next().value! : waiting ? new AppIsLocked() : refusals.notFound()
    }
  })
  return results
}

/** Of all tokens that count, each once, in the order in which they are locked. */
function namesOf(registrations: readonly NamedRegistration[]): string[] {
  const names = registrations.flatMap(({ name, oldName }) =>
    oldName === undefined ? [name] : [name, oldName],
  )
  return [...new Set(names)].sort()
}
