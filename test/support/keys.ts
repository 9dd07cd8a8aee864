import { createKey, type NewKey } from '../../src/access/key-store.ts'
import type { Api } from './api.ts'
import type { TestService } from './service.ts'

/** A key, and a client that uses it. */
export interface TestKey {
  id: string
  key: string
  api: Api
}

/** Makes a key as the command line would, and its team when there is none of that name. */
export async function makeKey(running: TestService, given: Partial<NewKey> = {}): Promise<TestKey> {
  const { db, clock } = running.service.deps
  const wanted: NewKey = { name: 'test', team: 'default', scopes: ['*'], expiresAt: null, ...given }
  const made = await db.transaction().execute((trx) => createKey(trx, wanted, clock.now()))
  return { ...made, api: running.api.withKey(made.key) }
}
