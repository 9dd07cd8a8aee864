import { sql } from 'kysely'
import type { Db } from '../platform/db/db.ts'

/** Whether the database has secrets, from an earlier start with an encryption key. Its tables may be missing. */
export async function hasSecrets(db: Db): Promise<boolean> {
  const { rows } = await sql<{
    exists: boolean
  }>`select to_regclass('install') is not null as exists`.execute(db)
  if (!rows[0]!.exists) return false
  return (await db.selectFrom('install').select('id').executeTakeFirst()) !== undefined
}

/**
 * Stores a first value by which later starts can tell whether they have the same encryption key.
 *
 * @param first encrypted at rest
 * @returns the value that was stored first
 */
export async function storeKeyCheck(db: Db, first: Buffer, now: Date): Promise<Uint8Array> {
  await db
    .insertInto('install')
    .values({ key_check: first, created_at: now })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  const { key_check: stored } = await db.selectFrom('install').select('key_check').executeTakeFirstOrThrow()
  return stored
}
