/**
 * The contact in VAPID tokens when an install configures none. RFC 8292 §2.1 does not require one, but push services
 * differ: Mozilla's requires a contact and accepts this one; Apple's rejects it.
 */
export const fallbackVapidSubject = 'mailto:push@krafter.invalid'

/**
 * Describes what is wrong with a VAPID subject, as text to follow its variable's name; undefined when it is valid.
 * Apple answers 403 BadJwtToken to contacts in a domain that is not public.
 */
export function vapidSubjectProblem(subject: string): string | undefined {
  const domain = domainOf(subject)
  if (domain === undefined) return 'must be a mailto: address or an https:// URL'
  if (isPublicDomain(domain)) return undefined
  return 'must name a public domain: Apple refuses localhost, .local and .invalid'
}

/** Returns the public URL as the VAPID subject, if push services accept it. */
export function vapidSubjectFrom(publicUrl: string | undefined): string | undefined {
  return publicUrl !== undefined && vapidSubjectProblem(publicUrl) === undefined ? publicUrl : undefined
}

/** @returns undefined when the subject is neither a mailto: address nor an https: URL */
function domainOf(subject: string): string | undefined {
  const [, domain] = /^mailto:[^@\s]+@([^@\s]+)$/.exec(subject) ?? []
  if (domain !== undefined) return domain.split('?')[0]
  return subject.startsWith('https://') ? URL.parse(subject)?.hostname : undefined
}

function isPublicDomain(domain: string): boolean {
  const name = domain.toLowerCase().replace(/\.$/, '')
  return name.includes('.') && !/\.(localhost|local|invalid)$/.test(name) && !name.startsWith('127.')
}
