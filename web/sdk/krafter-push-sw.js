// Krafter Push, the part in your service worker. All that yours needs:
//
//   importScripts('https://push.example.com/sdk/krafter-push-sw.js')
//
// It shows what is pushed, says that it came and what was clicked, and opens what the click is for. Pushes of others
// it leaves alone. What was given as `data` is the notification's `data`, beside `krafterPush`, which is ours.
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

  const show = ({ t, id, app_id, title, url, actions = [], data, ...options }) => {
    const urls = Object.fromEntries(actions.map((one) => [one.action, one.url ?? null]))
    return self.registration.showNotification(title, {
      // The same push may come twice: it then replaces itself.
      tag: id,
      ...options,
      actions: actions.map(({ url: _, ...action }) => action),
      data: { ...data, krafterPush: { t, id, app_id, url, urls } },
    })
  }

  self.addEventListener('push', (event) => {
    const push = parse(event.data)
    if (!push?.t) return
    event.waitUntil(Promise.all([show(push), report('delivered', { t: push.t })]))
  })

  const open = async (url) => {
    const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
    const there = windows.find((window) => window.url === url)
    await (there ? there.focus() : self.clients.openWindow(url))
  }

  const unsubscribe = async (t) => {
    const subscription = await self.registration.pushManager.getSubscription()
    await Promise.all([subscription?.unsubscribe(), report('unsubscribed', { t })])
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
}
