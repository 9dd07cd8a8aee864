import { createAppGroup } from '../apps/app-group.ts'
import type { Deps } from '../deps.ts'
import type { Db } from '../platform/db/db.ts'
import type { Registered } from './decide-registrations.ts'
import { registerSubscribers } from './register-subscribers.ts'
import type { Registration } from './subscriber-change.ts'

/** Some seconds of work. */
const maxWaiting = 10_000

/** Registers subscribers; given a transaction of the caller's instead of the database, it registers them in that. */
export interface Registrar {
  /** @throws 404 when its app is gone, 422 when it lacks keys, 429 when too many wait */
  register(given: { db: Db }, registration: Registration): Promise<Registered>
  /** In their order. @returns a result for each, see {@link registerSubscribers} */
  registerAll(given: { db: Db }, registrations: readonly Registration[]): Promise<(Registered | Error)[]>
}

export function createRegistrar(deps: Pick<Deps, 'db' | 'clock'>): Registrar {
  const group = createAppGroup<Registration, Registered>(deps.db, maxWaiting, (db, registrations, waiting) =>
    registerSubscribers({ ...deps, db }, registrations, waiting),
  )
  return { register: group.commit, registerAll: group.commitAll }
}
