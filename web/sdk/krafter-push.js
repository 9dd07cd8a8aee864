// Krafter Push, the part in your page:
//
//   import { subscribe } from 'https://push.example.com/sdk/krafter-push.js'
//   button.onclick = () => subscribe({ appId, vapidPublicKey, register: '/push/subscribers' })
//
// To register a subscriber takes an API key, which belongs to your backend and into no page. So `register` is a path of
// your backend, which gets the subscription as JSON, or a function. It adds who the user is and hands it on to
// POST /api/v1/push/apps/:app_id/subscribers.

const ownServer = new URL('..', import.meta.url).href

/**
 * Asks for permission, registers the service worker, subscribes and hands the subscription to your backend. Call it on a
 * click the first time; call it again whenever the page loads, so that the subscription stays known.
 *
 * @param {object} options
 * @param {string} options.appId
 * @param {string} options.vapidPublicKey the app's `vapid_public_key`
 * @param {string | ((subscription: object) => unknown)} options.register where your backend takes
 *   `{app_id, platform, token, keys: {p256dh, auth}, vapid_public_key}`
 * @param {string} [options.serviceWorker] your own, on your own origin, with krafter-push-sw.js imported
 * @param {string} [options.serverUrl] where Krafter Push is; by default where this script came from
 * @returns {Promise<PushSubscription | null>} null when the user does not want to
 * @throws when the browser cannot, or your backend refused
 */
export async function subscribe({
  appId,
  vapidPublicKey,
  register,
  serviceWorker = '/sw.js',
  serverUrl = ownServer,
}) {
  if (!('serviceWorker' in navigator && 'PushManager' in globalThis)) {
    throw new Error('this browser cannot be pushed to')
  }
  if ((await Notification.requestPermission()) !== 'granted') return null
  const worker = new URL(serviceWorker, document.baseURI)
  worker.searchParams.set('server', serverUrl.replace(/\/+$/, ''))
  await navigator.serviceWorker.register(worker)
  const { pushManager } = await navigator.serviceWorker.ready
  const key = bytesOf(vapidPublicKey)
  const known = await pushManager.getSubscription()
  const usable = known && String(new Uint8Array(known.options.applicationServerKey)) === String(key)
  if (known && !usable) await known.unsubscribe()
  const subscription = usable
    ? known
    : await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  await hand(register, { ...describe(appId, subscription), vapid_public_key: vapidPublicKey })
  return subscription
}

/**
 * Ends the subscription in this browser and tells your backend, which passes it on to
 * POST /api/v1/push/apps/:app_id/subscribers/:subscriber_id/unsubscribe.
 *
 * @param {object} options
 * @param {string} options.appId
 * @param {string | ((subscription: object) => unknown)} options.unregister like `register` of {@link subscribe}
 * @returns {Promise<boolean>} whether there was a subscription
 */
export async function unsubscribe({ appId, unregister }) {
  const registration = await navigator.serviceWorker?.getRegistration()
  const subscription = await registration?.pushManager.getSubscription()
  if (!subscription) return false
  await subscription.unsubscribe()
  await hand(unregister, describe(appId, subscription))
  return true
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
