import { proofOf } from '../backend.ts'
import { note } from '../notes.ts'
import { messageField, type PushEventMessage } from '../push-event.ts'

declare const self: ServiceWorkerGlobalScope

export interface WorkerOptions {
  /** The URL of Krafter Push. `?server=` on the worker's own URL, which the page sets, takes precedence. */
  serverUrl: string
}

/** The payload of a push. `t` is the token for reports; the rest are options of the notification. */
interface Push extends NotificationOptions {
  t: string
  id: string
  app_id: string
  title?: string
  url?: string | null
  actions?: (Record<string, string> & { action: string; url?: string })[]
}

/** The worker's own fields in a notification's `data`, beside the app's. */
interface Kept {
  t: string
  id: string
  app_id: string
  url?: string | null
  urls: Record<string, string | null>
}

/**
 * Shows pushed notifications, reports deliveries and clicks, opens the clicked URL, and registers again when the
 * browser renews the subscription. It ignores pushes from other senders. Call it synchronously in the worker's script.
 */
export function startWorker({ serverUrl }: WorkerOptions): void {
  const server = new URL(self.location.href).searchParams.get('server') ?? serverUrl

  const report = (what: string, body: object) =>
    // A text body needs no CORS preflight. With keepalive the request completes even if the worker ends first.
    fetch(`${server}/api/v1/push/track/${what}`, {
      method: 'POST',
      body: JSON.stringify(body),
      keepalive: true,
      credentials: 'omit',
    }).catch(() => {})

  self.addEventListener('push', (event) => {
    const push = parse(event.data)
    if (!push?.t) return
    event.waitUntil(show(push).then(() => report('delivered', { t: push.t })))
  })

  const unsubscribe = async (t: string) => {
    const forgotten = note(self.registration, { optedOut: true, asked: false, token: undefined })
    const subscription = await self.registration.pushManager.getSubscription()
    await Promise.all([forgotten, subscription?.unsubscribe(), report('unsubscribed', { t })])
  }

  self.addEventListener('notificationclick', (event) => {
    const { notification, action } = event
    const kept: Kept | undefined = notification.data?.krafterPush
    if (!kept?.t) return
    notification.close()
    const { t, url, urls } = kept
    const work: Promise<unknown>[] = [report('clicked', action ? { t, action } : { t })]
    // An action without a url opens nothing, it is only reported. The notification itself always opens a page.
    const target = action ? urls[action] : (url ?? '')
    const href = typeof target === 'string' ? new URL(target, self.registration.scope).href : null
    work.push(tell(messageOf('clicked', notification, href, action)))
    if (href) work.push(open(href))
    else if (action === 'unsubscribe') work.push(unsubscribe(t))
    event.waitUntil(Promise.allSettled(work))
  })

  self.addEventListener('pushsubscriptionchange', (event) =>
    (event as ExtendableEvent).waitUntil(
      renew((event as { newSubscription?: PushSubscription }).newSubscription),
    ),
  )
}

function parse(data: PushMessageData | null): Push | null {
  try {
    return data!.json()
  } catch {
    return null
  }
}

async function show(push: Push): Promise<void> {
  const { t, id, app_id, title = '', url, actions, data, ...options } = push
  const given = Array.isArray(actions) ? actions.filter(Boolean) : []
  const urls = Object.fromEntries(given.map((one) => [one.action, one.url ?? null]))
  // The same push may arrive twice. With the id as its tag, the second replaces the first.
  const least = { tag: id, body: options.body, data: { ...data, krafterPush: { t, id, app_id, url, urls } } }
  try {
    const shown = given.map(({ url: _, ...action }) => action)
    await self.registration.showNotification(title, {
      ...least,
      ...options,
      actions: shown,
    } as NotificationOptions)
  } catch {
    // The browser rejected an option. Show the minimum: browsers end the subscription of a page that shows nothing.
    await self.registration.showNotification(title, least as NotificationOptions)
  }
  const target = url === undefined || url === null ? null : new URL(url, self.registration.scope).href
  await tell(messageOf('received', { title, ...least }, target)).catch(() => {})
}

function messageOf(
  type: PushEventMessage['type'],
  { title, body, data }: { title: string; body?: string | undefined; data: { krafterPush: Kept } },
  url: string | null,
  action = '',
): PushEventMessage {
  const { krafterPush, ...given } = data
  return {
    type,
    id: krafterPush.id,
    appId: krafterPush.app_id,
    title,
    body: body ?? '',
    url,
    action,
    data: given,
  }
}

const windows = () => self.clients.matchAll({ type: 'window', includeUncontrolled: true })

/** Posts the message to the pages of this scope only: pages of other scopes have their own workers. */
async function tell(message: PushEventMessage): Promise<void> {
  for (const window of await windows()) {
    if (window.url.startsWith(self.registration.scope)) window.postMessage({ [messageField]: message })
  }
}

async function open(url: string): Promise<void> {
  const { click: { match, action } = {} } = await note(self.registration)
  const opened = await windows()
  const isSameOrigin = (window: WindowClient) => new URL(window.url).origin === new URL(url).origin
  const there =
    opened.find((window) => window.url === url) ??
    (match === 'origin' ? opened.find(isSameOrigin) : undefined)
  if (!there) return void (await self.clients.openWindow(url))
  // Focus before navigating: a navigation uses up the click, and focusing requires a click.
  await there.focus()
  // navigate() fails for a window that this worker does not control; then a new window opens.
  if (action === 'navigate' && there.url !== url)
    await there.navigate(url).catch(() => self.clients.openWindow(url))
}

/** If renewing fails here, or `register` is a function of the page, the page's resume() does it later. */
async function renew(newSubscription: PushSubscription | undefined): Promise<void> {
  const noted = await note(self.registration)
  const { appId, vapidPublicKey, register, token, optedOut } = noted
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
      ...proofOf(noted),
    }),
  })
  if (answer.ok) await note(self.registration, { token: endpoint, auth: keys?.auth })
}
