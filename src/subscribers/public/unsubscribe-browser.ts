import type { Deps } from '../../deps.ts'
import { refusals } from '../../platform/errors.ts'
import { readSubscription } from '../read-subscription.ts'
import { checkKeys } from '../registration-request.ts'
import { isSameKeys } from '../subscriber-change.ts'
import { findByTokens } from '../subscriber-reader-store.ts'
import { respellToken } from '../subscriber-token.ts'
import { nameOfToken } from '../token-name.ts'
import { unsubscribeIfThere } from '../unsubscribe.ts'

/**
 * Opts out the subscriber with the given token and keys. The answer does not reveal whether there is one.
 *
 * @throws 422 when no subscription is named, or its keys are missing
 */
export async function unsubscribeBrowser(
  deps: Pick<Deps, 'db' | 'clock'>,
  appId: string,
  given: Omit<Parameters<typeof readSubscription>[0], 'platform'>,
): Promise<void> {
  const { token, keys, keysName } = readSubscription({ ...given, platform: 'web' })
  const checkedKeys = checkKeys('web', keys, keysName)
  if (!checkedKeys) throw refusals.invalid({ [keysName]: ['is required'] })
  const name = nameOfToken(appId, 'web', respellToken('web', token))
  const known = (await findByTokens(deps.db, [name])).get(name)
  if (!known || !isSameKeys(checkedKeys, known)) return
  const { id, userEpoch } = known
  await unsubscribeIfThere(deps, { appId, id, userEpoch })
}
