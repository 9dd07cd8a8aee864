import { type Backend, findBackend, hand, proofOf, publicUrl } from './backend.ts'
import { bytesOf, textOf } from './base64url.ts'
import { note } from './notes.ts'
import type { BackendOptions, DirectOptions, PushOptions, Registration } from './options.ts'

export type PushStatus = 'unsupported' | 'denied' | 'subscribed' | 'unsubscribed' | 'new'

/** Whether this browser supports push. On iOS only pages on the home screen support it. */
export function isSupported(): boolean {
  // This also runs during server-side rendering, where there is no `navigator`.
  return (
    typeof navigator === 'object' &&
    'serviceWorker' in navigator &&
    'PushManager' in globalThis &&
    'Notification' in globalThis
  )
}

/**
 * `unsupported`; `denied` (only the browser's settings can change that); `subscribed`; `unsubscribed` (the user opted
 * out in this browser); `new` (none of these: offer to subscribe).
 */
export async function status({
  serviceWorker,
}: Pick<PushOptions, 'serviceWorker'> = {}): Promise<PushStatus> {
  if (!isSupported()) return 'unsupported'
  if (Notification.permission === 'denied') return 'denied'
  const registration = await findWorker(serviceWorker)
  if (!registration) return 'new'
  if ((await note(registration)).optedOut) return 'unsubscribed'
  return (await registration.pushManager.getSubscription()) ? 'subscribed' : 'new'
}

/**
 * Asks for permission, registers the service worker, subscribes and registers the subscriber. Call it on a click.
 * Without a click it does not ask for permission: it does the same as {@link resume}.
 *
 * @returns null when the user does not give permission
 * @throws when the browser does not support push, or the registration was refused
 */
export async function subscribe(options: PushOptions): Promise<PushSubscription | null> {
  if (navigator.userActivation?.isActive === false) return resume(options)
  if (!isSupported()) throw new Error('this browser does not support push')
  if ((await Notification.requestPermission()) !== 'granted') return null
  const { serviceWorker, serverUrl } = options
  const registration = (await findWorker(serviceWorker)) ?? (await addWorker(serviceWorker, serverUrl))
  // Noted until the registration succeeds. If it fails now, a later resume() may still undo an earlier opt-out.
  await note(registration, { optedOut: false, asked: true })
  return refresh(registration, options)
}

/**
 * Renews the subscription and its registration: call it whenever a page loads. It never prompts, and never subscribes
 * a user who opted out or who never subscribed.
 *
 * @returns null when there is no subscription
 * @throws when the registration was refused
 */
export async function resume(options: PushOptions): Promise<PushSubscription | null> {
  if (!isSupported() || Notification.permission !== 'granted') return null
  const registration = await findWorker(options.serviceWorker)
  if (!registration) return null
  const { optedOut, asked, token } = await note(registration)
  const wanted = asked || token || (await registration.pushManager.getSubscription())
  return wanted && !optedOut ? refresh(registration, options) : null
}

/** {@link unsubscribe} needs either `unregister` of your backend, or the publishable key. */
export type UnsubscribeOptions =
  | Pick<DirectOptions, 'publishableKey' | 'serverUrl' | 'serviceWorker'>
  | (Pick<BackendOptions, 'appId' | 'serviceWorker'> & Required<Pick<BackendOptions, 'unregister'>>)

/**
 * Ends the subscription in this browser, remembers the opt-out, and tells your backend or Krafter Push.
 *
 * @returns whether there was a subscription
 */
export async function unsubscribe(options: UnsubscribeOptions): Promise<boolean> {
  const registration = isSupported() && (await findWorker(options.serviceWorker))
  if (!registration) return false
  const { appId = '' } = await note(registration, { optedOut: true, asked: false, token: undefined })
  const subscription = await registration.pushManager.getSubscription()
  if (!subscription) return false
  await subscription.unsubscribe()
  if ('publishableKey' in options) {
    await hand(publicUrl(options, 'unsubscribe'), describe(appId, subscription))
  } else {
    await hand(options.unregister, describe(options.appId, subscription))
  }
  return true
}

async function refresh(
  registration: ServiceWorkerRegistration,
  options: PushOptions,
): Promise<PushSubscription> {
  const { pushManager } = registration
  const known = await pushManager.getSubscription()
  const { appId, vapidPublicKey, register, identity }: Backend = await findBackend(options)
  const { asked, token = known?.endpoint, auth = known?.toJSON().keys?.auth } = await note(registration)
  const path = typeof register === 'string' ? new URL(register, document.baseURI).href : undefined
  const { click } = options
  await note(registration, { appId, vapidPublicKey, register: path, token, identity, click })
  const subscription = await subscribeWith(pushManager, bytesOf(vapidPublicKey), known)
  const usedKey = textOf(subscription.options.applicationServerKey!)
  const described = describe(appId, subscription)
  const isNew = token !== undefined && token !== subscription.endpoint
  await hand(register, {
    ...described,
    vapid_public_key: usedKey,
    keep_unsubscribed: !asked,
    ...(isNew && { old_token: token }),
    ...proofOf({ identity, auth: isNew ? auth : undefined }),
  })
  await note(registration, {
    token: subscription.endpoint,
    auth: described.keys.auth,
    vapidPublicKey: usedKey,
    asked: false,
  })
  return subscription
}

/** A subscription's key never changes. If subscribing with the new key fails, it subscribes with the old key again. */
async function subscribeWith(
  pushManager: PushManager,
  key: Uint8Array<ArrayBuffer>,
  known: PushSubscription | null,
): Promise<PushSubscription> {
  const add = (applicationServerKey: BufferSource) =>
    pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })
  if (!known) return add(key)
  const oldKey = known.options.applicationServerKey!
  if (String(new Uint8Array(oldKey)) === String(key) || navigator.onLine === false) return known
  await known.unsubscribe()
  return add(key).catch(() => add(oldKey))
}

const workerUrl = (path = '/sw.js') => new URL(path, document.baseURI)

async function findWorker(path: string | undefined): Promise<ServiceWorkerRegistration | undefined> {
  const scope = new URL('.', workerUrl(path)).href
  const registration = await navigator.serviceWorker.getRegistration(scope)
  return registration?.scope === scope ? registration : undefined
}

async function addWorker(path: string | undefined, serverUrl: string): Promise<ServiceWorkerRegistration> {
  const url = workerUrl(path)
  url.searchParams.set('server', serverUrl.replace(/\/+$/, ''))
  const registration = await navigator.serviceWorker.register(url)
  const worker = registration.installing ?? registration.waiting
  while (worker && !/activated|redundant/.test(worker.state)) {
    await new Promise((resolve) => worker.addEventListener('statechange', resolve, { once: true }))
  }
  return registration
}

function describe(appId: string, subscription: PushSubscription): Registration {
  const { endpoint, keys } = subscription.toJSON()
  return { app_id: appId, platform: 'web', token: endpoint!, keys: keys as Registration['keys'] }
}
