import { sql } from 'kysely'
import type { Clock } from '../platform/clock.ts'
import { ConfigError } from '../platform/config-error.ts'
import { type CryptoAtRest, DecryptionError } from '../platform/crypto-at-rest.ts'
import type { Db } from '../platform/db/db.ts'

/** Whether the database has secrets, from an earlier start with an encryption key. Its tables may be missing. */
export async function hasSecrets(db: Db): Promise<boolean> {
  const { rows } = await sql<{
    exists: boolean
  }>`select to_regclass('install') is not null as exists`.execute(db)
  if (!rows[0]!.exists) return false
  return (await db.selectFrom('install').select('id').executeTakeFirst()) !== undefined
}

const checkText = 'krafter-push'
const checkContext = 'install-check'

/**
 * Refuses to start if the stored secrets were encrypted with another key.
 *
 * @throws ConfigError
 */
export async function checkEncryptionKey(db: Db, crypto: CryptoAtRest, clock: Clock): Promise<void> {
  await db
    .insertInto('install')
    .values({ key_check: crypto.encrypt(checkText, checkContext), created_at: clock.now() })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  const { key_check } = await db.selectFrom('install').select('key_check').executeTakeFirstOrThrow()
  try {
    crypto.decrypt(key_check, checkContext)
  } catch (cause) {
    if (!(cause instanceof DecryptionError)) throw cause
    throw new ConfigError(
      'KRAFTER_ENCRYPTION_KEY does not fit this database: its secrets were encrypted with another key, add that one to the list',
      { cause },
    )
  }
}
