import type { Platform } from '../database.ts'
import type { Deps } from '../deps.ts'
import { maxUrlLength } from '../outbound/address-guard.ts'
import { refusals } from '../platform/errors.ts'

/**
 * Checks a token and returns its stored form: trimmed, and for an endpoint as URL parsers write it, without a fragment.
 * Web endpoints must pass the address guard; other tokens must have their platform's format.
 *
 * @param field the request field that has the token
 * @throws 422
 */
export async function checkToken(
  { guard }: Pick<Deps, 'guard'>,
  platform: Platform,
  given: string,
  field: string,
): Promise<string> {
  const token = given.trim()
  const refuse = (message: string) => refusals.invalid({ [field]: [message] })
  if (platform === 'web') {
    const verdict = await guard.checkForStorage(token)
    if (!verdict.ok) throw refuse(verdict.message)
    const endpoint = writeEndpoint(verdict.url)
    if (endpoint.length > maxUrlLength) throw refuse(`must be at most ${maxUrlLength} characters`)
    return endpoint
  }
  if (platform === 'ios' && !/^(?:[0-9a-f]{2}){32,100}$/i.test(token)) {
    throw refuse('must be 64 to 200 hexadecimal digits')
  }
  if (platform === 'android' && !/^[A-Za-z0-9:_-]+$/.test(token)) {
    throw refuse('must be an FCM registration token')
  }
  return token
}

/** The stored form of a token to look up. Any text is accepted. */
export function respellToken(platform: Platform, given: string): string {
  const url = platform === 'web' ? URL.parse(given) : null
  return url ? writeEndpoint(url) : given.trim()
}

function writeEndpoint({ href }: URL): string {
  return href.split('#', 1)[0]!
}
