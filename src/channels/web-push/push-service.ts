/** Push services that need special treatment, and all others. */
export type PushServiceKind = 'apple' | 'wns' | 'other'

/**
 * Which push service an endpoint belongs to.
 *
 * @param hostname as URL parsers give it, e.g. `web.push.apple.com`
 */
export function pushServiceAt(hostname: string): PushServiceKind {
  if (/(^|\.)push\.apple\.com$/.test(hostname)) return 'apple'
  if (/(^|\.)notify\.windows\.com$/.test(hostname)) return 'wns'
  return 'other'
}
