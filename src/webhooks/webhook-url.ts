import type { Deps } from '../deps.ts'
import { maxUrlLength } from '../outbound/address-guard.ts'
import { refusals } from '../platform/errors.ts'

/**
 * A webhook's URL as it is stored and called: as the URL parser has it.
 *
 * @throws 422 when it may not be called, or is too long
 */
export async function checkedUrl({ guard }: Pick<Deps, 'guard'>, given: string): Promise<string> {
  const verdict = await guard.checkForStorage(given)
  if (!verdict.ok) throw refusals.invalid({ url: [verdict.message] })
  const { href } = verdict.url
  if (href.length > maxUrlLength) {
    throw refusals.invalid({ url: [`must be at most ${maxUrlLength} characters when it is percent-encoded`] })
  }
  return href
}
