import type { Identity, Notes } from './notes.ts'
import type { DirectOptions, PushOptions, Registration } from './options.ts'

/** Where a page registers its subscription: your backend or Krafter Push itself. */
export interface Backend {
  appId: string
  vapidPublicKey: string
  register: string | ((registration: Registration) => unknown)
  /** Only for registrations without a backend. */
  identity?: Identity | undefined
}

/** @throws when the service does not answer, or rejects the key or the page's origin */
export async function findBackend(options: PushOptions): Promise<Backend> {
  if (!('publishableKey' in options)) return options
  const answer = await fetch(publicUrl(options, 'app'))
  if (!answer.ok) throw await refusal(answer)
  const { app_id: appId, vapid_public_key: vapidPublicKey } = (await answer.json()).data
  return { appId, vapidPublicKey, register: publicUrl(options, 'subscribers'), identity: identityOf(options) }
}

/** The URL of a public route of the service, for pages without a backend. */
export function publicUrl({ serverUrl, publishableKey }: DirectOptions, path: string): string {
  return `${serverUrl.replace(/\/+$/, '')}/api/v1/push/public/${path}?key=${encodeURIComponent(publishableKey)}`
}

function identityOf({ user }: DirectOptions): Identity {
  if (user === undefined) return {}
  return user ? { user_id: user.id, user_signature: user.signature } : { user_id: null }
}

/** Proof for the service that the old token belonged to this browser, and of the user's identity. */
export function proofOf({ identity, auth }: Notes): object {
  return identity ? { ...(auth && { old_auth: auth }), ...identity } : {}
}

/** @throws when the registration is refused */
export async function hand(to: Backend['register'], registration: Registration): Promise<void> {
  if (typeof to === 'function') return void (await to(registration))
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(to, { method: 'POST', headers, body: JSON.stringify(registration) })
  if (!answer.ok) throw await refusal(answer)
}

async function refusal(answer: Response): Promise<Error> {
  const { error = '', details } = await answer.json().catch(() => ({}))
  const why = details ? JSON.stringify(details) : error
  return new Error(`${new URL(answer.url).pathname} answered ${answer.status} ${why}`.trim())
}
