import { type RawBuilder, sql } from 'kysely'
import type { Trx } from '../platform/db/db.ts'
import { anyOf } from '../platform/db/is-one-of.ts'

/**
 * Keeps an app from being deleted until the transaction ends. A transaction that changes several rows of an app calls
 * this first: if a foreign key locked the app only later, the change and the deletion would wait for each other.
 *
 * @returns false when the app is gone
 */
export async function holdApp(trx: Trx, id: string): Promise<boolean> {
  return (await holdApps(trx, [id])).has(id)
}

/**
 * Keeps an app from being changed or deleted until the transaction ends. Other callers wait for their turn.
 *
 * @returns undefined when the app is gone
 */
export async function lockApp(trx: Trx, id: string) {
  return trx
    .selectFrom('apps')
    .select([
      'name',
      'settings',
      'vapid_public_key as vapidPublicKey',
      'public_registration as publicRegistration',
      sql<boolean>`identity_secret is not null`.as('hasIdentitySecret'),
    ])
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

/**
 * Like {@link holdApp} for several apps, always in the same order, so that two transactions never wait for each other.
 *
 * @param waiting `skip locked`: apps that are being deleted count as gone, and the caller does not wait for them
 */
export async function holdApps(
  trx: Trx,
  ids: readonly string[],
  waiting?: 'skip locked',
): Promise<Set<string>> {
  const { rows } = await selectHeldApps(ids, waiting).execute(trx)
  return new Set(rows.map(({ id }) => id))
}

/** The statement of {@link holdApps}, for use inside another statement. */
export function selectHeldApps(ids: readonly string[], waiting?: 'skip locked'): RawBuilder<{ id: string }> {
  return sql<{ id: string }>`
    select id from apps where id = ${anyOf([...new Set(ids)])} order by id
    for key share ${sql.raw(waiting ?? '')}`
}

/** Finds the apps that are being deleted by a transaction that has not ended. Never waits. */
export async function findLockedApps(trx: Trx, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    with held as (${selectHeldApps(ids, 'skip locked')})
    select id from apps
    where id = ${anyOf([...new Set(ids)])} and id not in (select held.id from held)`.execute(trx)
  return new Set(rows.map(({ id }) => id))
}

/** The app is being deleted. Callers that do not wait for the deletion get this error. */
export class AppLockedError extends Error {
  override name = 'AppLockedError'
}
