import { AppIsLocked } from '../apps/app-store.ts'
import type { Deps } from '../deps.ts'
import { commitHalving, createGroupCommit } from '../engine/group-commit.ts'
import type { Db } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import type { Registered } from './decide-registrations.ts'
import { registerSubscribers } from './register-subscribers.ts'
import type { Registration } from './subscriber-change.ts'

const maxGroup = 256
/** Some seconds of work. */
const maxWaiting = 10_000

/** Of one transaction of a batch: others have their turn between two. */
const maxBatchGroup = 500

/** Registers subscribers; given a transaction of the caller's instead of the database, it registers them in that. */
export interface Registrar {
  /** @throws 404 when its app is gone, 422 when it lacks keys, 429 when too many wait */
  register(given: { db: Db }, registration: Registration): Promise<Registered>
  /** In their order. @returns a result for each, see {@link registerSubscribers} */
  registerAll(given: { db: Db }, registrations: readonly Registration[]): Promise<(Registered | Error)[]>
}

/** Lets registrations that arrive while a transaction is under way share the next one. */
export function createRegistrar(deps: Pick<Deps, 'db' | 'clock'>): Registrar {
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
  return {
    async register({ db }, registration) {
      if (db !== deps.db) return registerAlone(db, registration)
      try {
        return await group.add(registration)
      } catch (error) {
        // It waits for the end of its app by itself, and finds out what became of it.
        if (error instanceof AppIsLocked) return registerAlone(db, registration)
        throw error
      }
    },
    async registerAll({ db }, registrations) {
      const commit = (part: readonly Registration[]) => registerSubscribers({ ...deps, db }, part)
      const results: (Registered | Error)[] = []
      for (let done = 0; done < registrations.length; done += maxBatchGroup) {
        const part = registrations.slice(done, done + maxBatchGroup)
        // The caller's transaction cannot go on after a row that the database refuses.
        results.push(...(await (db === deps.db ? commitHalving(part, commit) : commit(part))))
      }
      return results
    },
  }
}
