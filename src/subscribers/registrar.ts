import { type AppGroup, createAppGroup } from '../apps/app-group.ts'
import type { Deps } from '../deps.ts'
import type { Registered } from './decide-registrations.ts'
import { registerSubscribers } from './register-subscribers.ts'
import type { Registration } from './subscriber-change.ts'

/** Registrations that may wait: some seconds of work. */
const maxWaiting = 10_000

/** Registers subscribers by {@link registerSubscribers}, in groups. */
export type Registrar = AppGroup<Registration, Registered>

export function createRegistrar(deps: Pick<Deps, 'db' | 'clock'>): Registrar {
  return createAppGroup(deps.db, maxWaiting, (db, registrations, waiting) =>
    registerSubscribers({ ...deps, db }, registrations, waiting),
  )
}
