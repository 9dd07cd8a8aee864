import { createAppGroup } from '../apps/app-group.ts'
import type { Deps } from '../deps.ts'
import type { Db } from '../platform/db/db.ts'
import type { Registered } from './decide-registrations.ts'
import { registerSubscribers } from './register-subscribers.ts'
import type { Registration } from './subscriber-change.ts'

/** Registrations that may wait: some seconds of work. */
const maxWaiting = 10_000

/** Registers subscribers. If the caller passes a transaction as `db`, the registrations happen in it. */
export interface Registrar {
  /** @throws 404 when the app is gone, 422 when keys are missing, 429 when too many registrations wait */
  register(given: { db: Db }, registration: Registration): Promise<Registered>
  /** @returns a result for each registration, in their order, see {@link registerSubscribers} */
  registerAll(given: { db: Db }, registrations: readonly Registration[]): Promise<(Registered | Error)[]>
}

export function createRegistrar(deps: Pick<Deps, 'db' | 'clock'>): Registrar {
  const group = createAppGroup<Registration, Registered>(deps.db, maxWaiting, (db, registrations, waiting) =>
    registerSubscribers({ ...deps, db }, registrations, waiting),
  )
  return { register: group.commit, registerAll: group.commitAll }
}
