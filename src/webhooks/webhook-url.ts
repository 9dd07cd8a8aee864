import type { Deps } from '../deps.ts'
import { maxUrlLength } from '../outbound/address-guard.ts'
import { refusals } from '../platform/errors.ts'

/**
 * Returns a webhook's URL as it is stored and called: in the URL parser's form.
 *
 * @throws 422 when the URL is not allowed or too long
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
