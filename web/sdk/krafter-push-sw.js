// Krafter Push, the part in your service worker. All that yours needs:
//
//   importScripts('https://push.example.com/sdk/krafter-push-sw.js')
//
// It shows what is pushed, says that it came and what was clicked, opens what the click is for, and registers again when
// the browser renews the subscription. Pushes of others it leaves alone. What was given as `data` is the notification's
// `data`, beside `krafterPush`, which is ours.
{
  // `?server=` on the worker's own URL (krafter-push.js puts it there), or where this script came from.
  const server = new URL(self.location.href).searchParams.get('server') ?? '__KRAFTER_SERVER__'

  const report = (what, body) =>
    // A text body asks for no preflight; keepalive lets it end after the worker did.
    fetch(`${server}/api/v1/push/track/${what}`, {
      method: 'POST',
      body: JSON.stringify(body),
      keepalive: true,
      credentials: 'omit',
    }).catch(() => {})

  const parse = (data) => {
    try {
      return data.json()
    } catch {
      return null
    }
  }

  const show = async ({ t, id, app_id, title = '', url, actions, data, ...options }) => {
    const given = Array.isArray(actions) ? actions.filter(Boolean) : []
    const urls = Object.fromEntries(given.map((one) => [one.action, one.url ?? null]))
    // The same push may come twice: it then replaces itself.
    const least = {
      tag: id,
      body: options.body,
      data: { ...data, krafterPush: { t, id, app_id, url, urls } },
    }
    try {
      const shown = given.map(({ url: _, ...action }) => action)
      await self.registration.showNotification(title, { ...least, ...options, actions: shown })
    } catch {
      // An option that this browser does not take. A push that shows nothing costs the page its subscription.
      await self.registration.showNotification(title, least)
    }
  }

  self.addEventListener('push', (event) => {
    const push = parse(event.data)
    if (!push?.t) return
    event.waitUntil(show(push).then(() => report('delivered', { t: push.t })))
  })

  const open = async (url) => {
    const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
    const there = windows.find((window) => window.url === url)
    await (there ? there.focus() : self.clients.openWindow(url))
  }

  const unsubscribe = async (t) => {
    const forgotten = note({ optedOut: true, asked: false, token: undefined })
    const subscription = await self.registration.pushManager.getSubscription()
    await Promise.all([forgotten, subscription?.unsubscribe(), report('unsubscribed', { t })])
  }

  self.addEventListener('notificationclick', (event) => {
    const { t, url, urls } = event.notification.data?.krafterPush ?? {}
    if (!t) return
    event.notification.close()
    const { action } = event
    const work = [report('clicked', action ? { t, action } : { t })]
    // An action without a url is heard of by your backend; the notification itself always opens something.
    const target = action ? urls[action] : (url ?? '')
    if (typeof target === 'string') work.push(open(new URL(target, self.registration.scope).href))
    else if (action === 'unsubscribe') work.push(unsubscribe(t))
    event.waitUntil(Promise.allSettled(work))
  })

  // The page's resume() does the same for what fails here, and where `register` is a function of the page.
  const renew = async ({ newSubscription }) => {
    const { appId, vapidPublicKey, register, token, optedOut } = await note()
    if (optedOut || !token) return
    const { pushManager } = self.registration
    const subscription =
      newSubscription ??
      (await pushManager.getSubscription()) ??
      (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: vapidPublicKey }))
    if (!register) return
    const { endpoint, keys } = subscription.toJSON()
    const answer = await fetch(register, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        app_id: appId,
        platform: 'web',
        token: endpoint,
        keys,
        vapid_public_key: vapidPublicKey,
        keep_unsubscribed: true,
        old_token: token,
      }),
    })
    if (answer.ok) await note({ token: endpoint })
  }

  self.addEventListener('pushsubscriptionchange', (event) => event.waitUntil(renew(event)))

  /** What page and worker know of the subscription, changed if `change` is given; krafter-push.js has it, too. */
  const note = (change) =>
    new Promise((resolve, reject) => {
      const { scope } = self.registration
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
