import type { Deps } from '../deps.ts'
import { createGroupCommit } from '../engine/group-commit.ts'
import type { Db } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import type { Registered } from './decide-registrations.ts'
import { AppIsLocked, registerSubscribers } from './register-subscribers.ts'
import type { Registration } from './subscriber-change.ts'

const maxGroup = 256
/** Some seconds of work. */
const maxWaiting = 10_000

/**
 * Registers subscribers that arrive while a transaction is under way together in the next one. Given a transaction of
 * the caller's instead of the database, it registers them in that.
 *
 * @returns registers one; @throws 404 when its app is gone, 422 when it lacks keys, 429 when too many wait
 */
export function createRegistrar(
  deps: Pick<Deps, 'db' | 'clock'>,
): (given: { db: Db }, registration: Registration) => Promise<Registered> {
  const group = createGroupCommit<Registration, Registered>({
    maxGroup,
    maxWaiting,
    overloaded: () => refusals.rateLimited(1),
    groupsAtOnce: 2,
    commit: (registrations) => registerSubscribers(deps, registrations, 'skip locked'),
  })
  const registerAlone = async (db: Db, registration: Registration) => {
    const [result] = await registerSubscribers({ ...deps, db }, [registration])
    if (result instanceof Error) throw result
    return result!
  }
  return async ({ db }, registration) => {
    if (db !== deps.db) return registerAlone(db, registration)
    try {
      return await group.add(registration)
    } catch (error) {
      // It waits for the end of its app by itself, and finds out what became of it.
      if (error instanceof AppIsLocked) return registerAlone(db, registration)
      throw error
    }
  }
}
