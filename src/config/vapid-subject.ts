/**
 * The contact in VAPID tokens of an install that names none. RFC 8292 §2.1 does not ask for one, but push services
 * differ: Mozilla's wants one and takes this one, Apple's refuses it.
 */
export const fallbackVapidSubject = 'mailto:push@krafter.invalid'

/**
 * What is wrong with a VAPID subject, in words that follow its variable's name; undefined: nothing. Apple answers 403
 * BadJwtToken to contacts in a domain that is not public.
 */
export function vapidSubjectProblem(subject: string): string | undefined {
  const domain = domainOf(subject)
  if (domain === undefined) return 'must be a mailto: address or an https:// URL'
  if (isPublicDomain(domain)) return undefined
  return 'must name a public domain: Apple refuses localhost, .local and .invalid'
}

/** The subject that a public URL makes, where it makes one that push services take. */
export function vapidSubjectFrom(publicUrl: string | undefined): string | undefined {
  return publicUrl !== undefined && vapidSubjectProblem(publicUrl) === undefined ? publicUrl : undefined
}

/** @returns undefined when it is neither a mailto: address nor an https: URL */
function domainOf(subject: string): string | undefined {
  const [, domain] = /^mailto:[^@\s]+@([^@\s]+)$/.exec(subject) ?? []
  if (domain !== undefined) return domain.split('?')[0]
  return subject.startsWith('https://') ? URL.parse(subject)?.hostname : undefined
}

function isPublicDomain(domain: string): boolean {
  const name = domain.toLowerCase().replace(/\.$/, '')
  return name.includes('.') && !/\.(localhost|local|invalid)$/.test(name) && !name.startsWith('127.')
}
