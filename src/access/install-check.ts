import type { Clock } from '../platform/clock.ts'
import { ConfigError } from '../platform/config-error.ts'
import { type CryptoAtRest, DecryptionError } from '../platform/crypto-at-rest.ts'
import type { Db } from '../platform/db/db.ts'
import { storeKeyCheck } from './install-store.ts'

const checkText = 'krafter-push'
const checkContext = 'install-check'

/**
 * Refuses to start if the stored secrets were encrypted with another key.
 *
 * @throws ConfigError
 */
export async function checkEncryptionKey(db: Db, crypto: CryptoAtRest, clock: Clock): Promise<void> {
  const stored = await storeKeyCheck(db, crypto.encrypt(checkText, checkContext), clock.now())
  try {
    crypto.decrypt(stored, checkContext)
  } catch (cause) {
    if (!(cause instanceof DecryptionError)) throw cause
    throw new ConfigError(
      'KRAFTER_ENCRYPTION_KEY does not fit this database: its secrets were encrypted with another key, add that one to the list',
      { cause },
    )
  }
}
