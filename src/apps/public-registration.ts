import { z } from 'zod'
import type { PublicRegistration } from '../database.ts'
import { refusals } from '../platform/errors.ts'

const maxOrigins = 100
const maxOriginLength = 255

const originField = z
  .string()
  .max(maxOriginLength, `must be at most ${maxOriginLength} characters`)
  .transform((text, context) => {
    const origin = readOrigin(text)
    if (origin !== undefined) return origin
    const message =
      'must be an origin such as https://shop.example or https://*.shop.example; http:// for localhost only'
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

export const publicRegistrationField = z
  .object({
    origins: z.array(originField).min(1).max(maxOrigins).meta({
      description:
        'From where pages may register: `https://shop.example`, or with all subdomains `https://*.shop.example`. `http://` for localhost only.',
    }),
    require_identity: z.boolean().default(false).meta({
      description: 'Whether every registration needs a `user_id` that your backend has signed.',
    }),
  })
  .meta({
    id: 'PublicRegistration',
    description: 'Who may register with the publishable key, without your backend; null: nobody.',
  })

/** @throws 422 when identities are required but the app has no secret to sign them */
export function checkIdentityRequirement(
  registration: PublicRegistration | null | undefined,
  hasIdentitySecret: boolean,
): void {
  if (!registration?.require_identity || hasIdentitySecret) return
  const message = 'needs an identity secret: create one with rotate-identity-secret'
  throw refusals.invalid({ 'public_registration.require_identity': [message] })
}

const wildcard = '*.'

/** The origin as browsers write it in `Origin`; undefined if it is not an origin where a service worker can run. */
function readOrigin(text: string): string | undefined {
  const [, scheme = '', any = '', rest = ''] = /^(https?:\/\/)(\*\.)?(.*)$/i.exec(text.trim()) ?? []
  const url = URL.parse(scheme + rest)
  if (!url || url.username || url.password || url.pathname !== '/' || url.search || url.hash) return undefined
  // A wildcard must be the whole first label, but URL parsers accept any asterisk.
  if (url.hostname.includes('*')) return undefined
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  if (url.protocol === 'http:' && !isLocal) return undefined
  if (any && (isLocal || !url.hostname.includes('.'))) return undefined
  return url.origin.replace('://', `://${any && wildcard}`)
}

/**
 * Whether a request's `Origin` is in the list, or is a subdomain of a `*.` entry.
 *
 * @param origins as stored: what is not a list of origins allows nobody
 */
export function allowsOrigin(origins: unknown, origin: string | undefined): boolean {
  if (origin === undefined || !Array.isArray(origins)) return false
  return origins.some((allowed) => {
    if (typeof allowed !== 'string') return false
    const [scheme, rest] = allowed.split(wildcard)
    if (rest === undefined) return allowed === origin
    return origin.startsWith(scheme!) && origin.endsWith(`.${rest}`) && origin.length > allowed.length - 1
  })
}
