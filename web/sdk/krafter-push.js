// Krafter Push, the part in your page:
//
//   import { resume, subscribe } from 'https://push.example.com/sdk/krafter-push.js'
//   const options = { appId, vapidPublicKey, register: '/push/subscribers' }
//   resume(options)
//   button.onclick = () => subscribe(options)
//
// To register a subscriber takes an API key, which belongs to your backend and into no page. So `register` is a path of
// your backend, which gets the subscription as JSON, or a function. It adds who the user is and hands it on to
// POST /api/v1/push/apps/:app_id/subscribers.

const ownServer = new URL('..', import.meta.url).href

/**
 * @typedef {object} Options
 * @property {string} appId
 * @property {string} vapidPublicKey the app's `vapid_public_key`
 * @property {string | ((subscription: object) => unknown)} register where your backend takes `{app_id, platform, token,
 *   keys: {p256dh, auth}, vapid_public_key, keep_unsubscribed, old_token}`; the last one only when the token is another
 *   than before. A path also serves when the browser renews the subscription while no page is open.
 * @property {string} [serviceWorker] your own, on your own origin, with krafter-push-sw.js imported. A worker that its
 *   folder has already is used as it is.
 * @property {string} [serverUrl] where Krafter Push is; by default where this script came from
 */

/** Whether this browser can be pushed to. On iOS only a page on the home screen can. */
export function isSupported() {
  return 'serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis
}

/**
 * `unsupported`; `denied` (only the browser's settings can change that); `subscribed`; `unsubscribed` (the user opted
 * out here); `new` (nothing of these: offer it).
 *
 * @param {Pick<Options, 'serviceWorker'>} [options]
 */
export async function status({ serviceWorker } = {}) {
  if (!isSupported()) return 'unsupported'
  if (Notification.permission === 'denied') return 'denied'
  const registration = await findWorker(serviceWorker)
  if (!registration) return 'new'
  if ((await note(registration)).optedOut) return 'unsubscribed'
  return (await registration.pushManager.getSubscription()) ? 'subscribed' : 'new'
}

/**
 * Asks for permission, registers the service worker, subscribes and hands the subscription to your backend. Call it on
 * a click. Without one it asks nobody anything, and does what {@link resume} does.
 *
 * @param {Options} options
 * @returns {Promise<PushSubscription | null>} null when the user does not want to
 * @throws when the browser cannot, or your backend refused
 */
export async function subscribe(options) {
  if (navigator.userActivation?.isActive === false) return resume(options)
  if (!isSupported()) throw new Error('this browser cannot be pushed to')
  if ((await Notification.requestPermission()) !== 'granted') return null
  const { serviceWorker, serverUrl = ownServer } = options
  const registration = (await findWorker(serviceWorker)) ?? (await addWorker(serviceWorker, serverUrl))
  // Until your backend knows: a later resume() may then undo that the user opted out.
  await note(registration, { optedOut: false, asked: true })
  return refresh(registration, options)
}

/**
 * Keeps a subscription known and whole: call it whenever a page loads. It never prompts, and never subscribes somebody
 * who opted out, or who never subscribed.
 *
 * @param {Options} options
 * @returns {Promise<PushSubscription | null>} null when there is none
 * @throws when your backend refused
 */
export async function resume(options) {
  if (!isSupported() || Notification.permission !== 'granted') return null
  const registration = await findWorker(options.serviceWorker)
  if (!registration) return null
  const { optedOut, asked, token } = await note(registration)
  const wanted = asked || token || (await registration.pushManager.getSubscription())
  return wanted && !optedOut ? refresh(registration, options) : null
}

/**
 * Ends the subscription in this browser, remembers that, and tells your backend, which passes it on to
 * POST /api/v1/push/apps/:app_id/subscribers/:subscriber_id/unsubscribe.
 *
 * @param {object} options
 * @param {string} options.appId
 * @param {string | ((subscription: object) => unknown)} options.unregister like `register` of {@link Options}
 * @param {string} [options.serviceWorker]
 * @returns {Promise<boolean>} whether there was a subscription
 */
export async function unsubscribe({ appId, unregister, serviceWorker }) {
  const registration = isSupported() && (await findWorker(serviceWorker))
  if (!registration) return false
  await note(registration, { optedOut: true, asked: false, token: undefined })
  const subscription = await registration.pushManager.getSubscription()
  if (!subscription) return false
  await subscription.unsubscribe()
  await hand(unregister, describe(appId, subscription))
  return true
}

async function refresh(registration, { appId, vapidPublicKey, register }) {
  const { pushManager } = registration
  const known = await pushManager.getSubscription()
  const { asked, token = known?.endpoint } = await note(registration)
  const path = typeof register === 'string' ? new URL(register, document.baseURI).href : undefined
  await note(registration, { appId, vapidPublicKey, register: path, token })
  const subscription = await subscribeWith(pushManager, bytesOf(vapidPublicKey), known)
  const usedKey = textOf(subscription.options.applicationServerKey)
  const isNew = token !== undefined && token !== subscription.endpoint
  await hand(register, {
    ...describe(appId, subscription),
    vapid_public_key: usedKey,
    keep_unsubscribed: !asked,
    ...(isNew && { old_token: token }),
  })
  await note(registration, { token: subscription.endpoint, vapidPublicKey: usedKey, asked: false })
  return subscription
}

/** A subscription has one key for life. Where another with the new key cannot be had, one with the old key is. */
async function subscribeWith(pushManager, key, known) {
  const add = (applicationServerKey) => pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })
  if (!known) return add(key)
  const oldKey = known.options.applicationServerKey
  if (String(new Uint8Array(oldKey)) === String(key) || navigator.onLine === false) return known
  await known.unsubscribe()
  return add(key).catch(() => add(oldKey))
}

const workerUrl = (path = '/sw.js') => new URL(path, document.baseURI)

async function findWorker(path) {
  const scope = new URL('.', workerUrl(path)).href
  const registration = await navigator.serviceWorker.getRegistration(scope)
  return registration?.scope === scope ? registration : undefined
}

async function addWorker(path, serverUrl) {
  const url = workerUrl(path)
  url.searchParams.set('server', serverUrl.replace(/\/+$/, ''))
  const registration = await navigator.serviceWorker.register(url)
  const worker = registration.installing ?? registration.waiting
  while (worker && !/activated|redundant/.test(worker.state)) {
    await new Promise((resolve) => worker.addEventListener('statechange', resolve, { once: true }))
  }
  return registration
}

/** What page and worker know of the worker's subscription, changed if `change` is given; krafter-push-sw.js has it, too. */
function note({ scope }, change) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('krafter-push')
    opening.onupgradeneeded = () => opening.result.createObjectStore('notes')
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const transaction = opening.result.transaction('notes', 'readwrite')
      const notes = transaction.objectStore('notes')
      let noted
      notes.get(scope).onsuccess = ({ target }) => {
        noted = { ...target.result, ...change }
        if (change) notes.put(noted, scope)
      }
      transaction.onabort = () => reject(transaction.error)
      transaction.oncomplete = () => {
        opening.result.close()
        resolve(noted)
      }
    }
  })
}

function describe(appId, subscription) {
  const { endpoint, keys } = subscription.toJSON()
  return { app_id: appId, platform: 'web', token: endpoint, keys }
}

async function hand(to, subscription) {
  if (typeof to === 'function') return to(subscription)
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(to, { method: 'POST', headers, body: JSON.stringify(subscription) })
  if (!answer.ok) throw new Error(`${to} answered ${answer.status}`)
}

function bytesOf(base64url) {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

function textOf(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)))
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
