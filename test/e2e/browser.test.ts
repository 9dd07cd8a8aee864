import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, CDPSession, Page, Worker } from 'playwright-core'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Api } from '../support/api.ts'
import { poll } from '../support/api.ts'
import { makeDataFolder, type TestStorage } from '../support/backends.ts'
import { chromiumPath, noBrowser, startBrowser } from '../support/browser.ts'
import { standInForPushService } from '../support/browser-subscriptions.ts'
import { bundlePage } from '../support/bundle-page.ts'
import { type Device, type PushService, startPushService } from '../support/push-service.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const events = [
  'subscriber.registered',
  'notification.delivered',
  'notification.clicked',
  'subscriber.unsubscribed',
]

/** The example's backend, as its page says to start it. */
interface Backend {
  origin: string
  process: ChildProcess
}

async function startExample(krafterUrl: string, key: string): Promise<Backend> {
  const script = fileURLToPath(new URL('../../examples/web/server.mjs', import.meta.url))
  const env = { ...process.env, KRAFTER_URL: krafterUrl, KRAFTER_API_KEY: key, PORT: '0' }
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface(child.stdout), 'line')
  const [, origin] = /Open (http:\S+)/.exec(line)!
  return { origin: origin!, process: child }
}

// What it needs of the database, tracking.test.ts tries on both.
if (chromiumPath) describe('in a browser', () => inBrowser(makeDataFolder))
else describe('in a browser', () => test.skip(noBrowser, () => {}))

function inBrowser(make: () => TestStorage): void {
  let storage: TestStorage
  let running: TestService
  let pushService: PushService
  let receiver: Receiver
  let browser: Browser
  let context: BrowserContext
  let example: Backend
  let page: Page
  let cdp: CDPSession
  let api: Api
  let base: string
  /** One for each time that the browser subscribes. */
  let devices: Device[]

  beforeAll(async () => {
    storage = make()
    ;[running, pushService, receiver, browser] = await Promise.all([
      startTestService(storage, { KRAFTER_PUBLIC_PUSH_HOSTS: '*' }),
      startPushService(),
      startReceiver(),
      startBrowser(),
    ])
    api = running.api
    example = await startExample(running.service.url!, api.key)
    const [app] = (await api.get('/push/apps')).body.data
    base = `/push/apps/${app.id}`
    await api.post(`${base}/webhooks`, { url: `${receiver.origin}/hook`, events, secret })
    context = await browser.newContext()
    await context.grantPermissions(['notifications'], { origin: example.origin })
    devices = Array.from({ length: 12 }, () => pushService.makeDevice())
    await context.addInitScript(standInForPushService(devices))
    page = await context.newPage()
    page.on('request', (request) => {
      if (request.method() === 'POST')
        posts.push({ path: new URL(request.url()).pathname, body: request.postDataJSON() })
    })
    cdp = await context.newCDPSession(page)
  })

  afterAll(async () => {
    await browser?.close()
    example?.process.kill()
    await running?.stop()
    await Promise.all([pushService?.stop(), receiver?.stop()])
    await storage?.drop()
  })

  /** What the page sent to its backend. */
  const posts: { path: string; body: Record<string, unknown> }[] = []
  const registrations = () => posts.filter(({ path }) => path === '/subscribers').map(({ body }) => body)
  const subscribers = async () => (await api.get(`${base}/subscribers`)).body.data

  /** The verified events that the webhook got, by name. */
  async function received(type: string, count = 1) {
    const named = () => receiver.to('/hook').filter(({ headers }) => headers['x-krafter-event'] === type)
    const requests = await poll(
      async () => named(),
      (found) => found.length >= count,
    )
    return requests.map(({ body, headers }) => {
      const event = new Webhook(secret).verify(body, headers as Record<string, string>)
      return (event as { data: Record<string, unknown> }).data
    })
  }

  const worker = (): Worker => {
    const found = context.serviceWorkers().find((one) => one.url().startsWith(example.origin))
    if (!found) throw new Error('the service worker does not run')
    return found
  }

  /** What the page's own backend sends, as the browser gets it: by its own machinery. Resolves once it is shown. */
  async function push(title: string): Promise<string> {
    const before = pushService.pushes.length
    await page.fill('input[name=title]', title)
    await page.click('#send button')
    await poll(
      async () => pushService.pushes.length,
      (count) => count > before,
    )
    const { payload } = pushService.pushes.at(-1)!
    await deliver(payload)
    expect((await shown()).map(({ tag }) => tag)).toContain(payload.id)
    return payload.id as string
  }

  /**
   * Resolves once a notification is shown for it. Asking for notifications meanwhile would not do: Chromium drops those
   * that are on their way to the screen when it is asked.
   */
  async function deliver(payload: object): Promise<void> {
    await worker().evaluate(`{
      const prototype = ServiceWorkerRegistration.prototype
      const { showNotification } = prototype
      self.isShown = new Promise((resolve) => {
        prototype.showNotification = async function (...given) {
          await showNotification.apply(this, given)
          prototype.showNotification = showNotification
          resolve()
        }
      })
      // Or this would wait for it.
      undefined
    }`)
    const found = once(cdp as never, 'ServiceWorker.workerRegistrationUpdated')
    await cdp.send('ServiceWorker.enable')
    const [{ registrations }] = await found
    await cdp.send('ServiceWorker.deliverPushMessage', {
      origin: example.origin,
      registrationId: registrations[0].registrationId,
      data: JSON.stringify(payload),
    })
    await cdp.send('ServiceWorker.disable')
    await worker().evaluate('self.isShown')
  }

  /** The notifications that are shown. */
  const shown = (): Promise<{ title: string; body: string; tag: string; data: unknown }[]> =>
    page.evaluate(`(async () => {
      const registration = await navigator.serviceWorker.ready
      const notifications = await registration.getNotifications()
      return notifications.map(({ title, body, tag, data }) => ({ title, body, tag, data }))
    })()`)

  /**
   * A click, dispatched where the browser would: no window is there to be clicked in.
   *
   * @returns what was opened
   */
  const click = (tag: string, action: string): Promise<string[]> =>
    worker().evaluate(`(async () => {
      const opened = []
      clients.openWindow = async (url) => opened.push(url)
      // Only a click of the user's may focus a window.
      WindowClient.prototype.focus = async function () { opened.push('focused ' + this.url) }
      WindowClient.prototype.navigate = async function (url) { opened.push('navigated to ' + url) }
      const [notification] = await registration.getNotifications({ tag: '${tag}' })
      const event = new NotificationEvent('notificationclick', { notification, action: '${action}' })
      const work = []
      // Only an event of the browser's own may wait.
      event.waitUntil = (promise) => work.push(promise)
      dispatchEvent(event)
      await Promise.all(work)
      return opened
    })()`)

  const state = (text: string) => page.waitForSelector(`#state:text-is("${text}")`)

  const stats = async (id: string) => (await api.get(`${base}/notifications/${id}`)).body.data.stats

  test('a page that loads asks nobody and registers nobody', async () => {
    await page.goto(example.origin)
    await state('Not subscribed yet')
    expect(posts).toEqual([])
    expect(await page.evaluate('navigator.serviceWorker.getRegistration()')).toBeUndefined()
  })

  test('without a gesture subscribe() prompts nobody', async () => {
    const other = await context.newPage()
    await other.addInitScript(`addEventListener('DOMContentLoaded', async () => {
      Notification.requestPermission = async () => console.log('prompted')
      const { subscribe } = await import('${running.service.url}/sdk/krafter-push.js')
      const { appId, vapidPublicKey } = await (await fetch('/config')).json()
      const register = () => console.log('registered')
      console.log(String(await subscribe({ appId, vapidPublicKey, register })))
    })`)
    const said = other.waitForEvent('console')
    await other.goto(example.origin)
    expect((await said).text()).toBe('null')
    await other.close()
  })

  test('the page subscribes, and its backend registers the subscriber', async () => {
    await page.click('#subscribe')
    await state('Subscribed')
    const found = await subscribers()
    expect(found).toMatchObject([
      { platform: 'web', token: devices[0]!.registration.token, user_id: 'user-1', status: 'active' },
    ])
    expect(await received('subscriber.registered')).toMatchObject([{ subscriber_id: found[0].id }])
  })

  test('the next load registers it again, as one without a gesture', async () => {
    await page.reload()
    await state('Subscribed')
    const [first, second] = registrations()
    expect(first).toMatchObject({ keep_unsubscribed: false })
    expect(second).toEqual({ ...first, keep_unsubscribed: true })
    expect(await subscribers()).toHaveLength(1)
  })

  test('options that a browser does not take leave a notification all the same', async () => {
    // What the API refuses, because of this.
    const refused = [
      { dir: 'sideways' },
      { silent: true, vibrate: [100] },
      { actions: [{ action: 'a' }] },
      { renotify: true, tag: '' },
    ]
    const errors = await page.evaluate(`navigator.serviceWorker.ready.then((registration) => Promise.all(
      ${JSON.stringify(refused)}.map((options) => registration.showNotification('T', options).catch(({ name }) => name))))`)
    expect(errors).toEqual(refused.map(() => 'TypeError'))
    const options = { dir: 'sideways', silent: true, vibrate: [100], body: 'Still here' }
    await deliver({
      t: 'token',
      id: 'odd',
      app_id: 'app',
      title: 'Odd',
      actions: [{ action: 'a' }],
      ...options,
    })
    expect(await shown()).toMatchObject([{ title: 'Odd', body: 'Still here' }])
    await page.evaluate(`navigator.serviceWorker.ready
      .then((registration) => registration.getNotifications())
      .then((notifications) => notifications.forEach((one) => one.close()))`)
  })

  test('a push is shown, and reported as delivered', async () => {
    const id = await push('On its way')
    expect(await shown()).toEqual([
      {
        title: 'On its way',
        body: 'Your order has been shipped',
        tag: id,
        data: { krafterPush: expect.objectContaining({ id }) },
      },
    ])
    expect(await received('notification.delivered')).toMatchObject([
      { notification_id: id, user_id: 'user-1', platform: 'web' },
    ])
    expect(await stats(id)).toMatchObject({ delivered_count: 1, clicked_count: 0 })
  })

  test('a click is reported, with its action, and opens what it is for', async () => {
    const [first] = await shown()
    expect(await click(first!.tag, '')).toEqual([`${example.origin}/?from=notification`])
    await poll(shown, (notifications) => notifications.length === 0)
    expect(await received('notification.clicked')).toMatchObject([{ notification_id: first!.tag }])

    const second = await push('Once more')
    expect(await click(second, 'thanks')).toEqual([])
    const clicks = await received('notification.clicked', 2)
    expect(clicks.find((data) => data.notification_id === second)).toMatchObject({ action: 'thanks' })
    expect(await stats(second)).toMatchObject({ delivered_count: 1, clicked_count: 1 })
  })

  test('an open page hears what is received and clicked', async () => {
    await page.evaluate(`(async () => {
      const { listen } = await import('${running.service.url}/sdk/krafter-push.js')
      globalThis.heard = []
      globalThis.stop = listen({ received: (one) => heard.push(one), clicked: (one) => heard.push(one) })
    })()`)
    const id = await push('Listen')
    await click(id, 'thanks')
    await page.evaluate(`globalThis.stop()`)
    await click(await push('Nobody listens'), '')
    const { appId, ...clicked } = {
      id,
      appId: expect.any(String),
      title: 'Listen',
      body: 'Your order has been shipped',
      data: {},
    }
    const url = `${example.origin}/?from=notification`
    expect(await page.evaluate('heard')).toEqual([
      { type: 'received', ...clicked, appId, url, action: '' },
      { type: 'clicked', ...clicked, appId, url: null, action: 'thanks' },
    ])
  })

  test('a click finds a window by its URL, or by its origin if the page says so', async () => {
    const target = `${example.origin}/?from=notification`
    const here = page.url()
    const clickWith = async (options: object) => {
      await page.evaluate(`(async () => {
        const { resume } = await import('${running.service.url}/sdk/krafter-push.js')
        const { appId, vapidPublicKey } = await (await fetch('/config')).json()
        await resume({ appId, vapidPublicKey, register: '/subscribers', click: ${JSON.stringify(options)} })
      })()`)
      return click(await push('Where to?'), '')
    }
    expect(await clickWith({ match: 'origin' })).toEqual([`focused ${here}`])
    expect(await clickWith({ match: 'origin', action: 'navigate' })).toEqual([
      `focused ${here}`,
      `navigated to ${target}`,
    ])
    expect(await clickWith({})).toEqual([target])
    await page.goto(target)
    await state('Subscribed')
    expect(await clickWith({ action: 'navigate' })).toEqual([`focused ${target}`])
    await page.goto(here)
    await state('Subscribed')
  })

  test('a subscription that the browser renews is registered, with the token that it replaces', async () => {
    const [before] = await subscribers()
    const { token, keys } = devices[1]!.registration
    await worker().evaluate(`(async () => {
      const renewed = { endpoint: '${token}', toJSON: () => (${JSON.stringify({ endpoint: token, keys })}) }
      PushManager.prototype.subscribe = async ({ applicationServerKey }) => applicationServerKey.length === 87 && renewed
      const event = new ExtendableEvent('pushsubscriptionchange')
      const work = []
      event.waitUntil = (promise) => work.push(promise)
      dispatchEvent(event)
      await Promise.all(work)
    })()`)
    expect(await subscribers()).toMatchObject([{ id: before.id, token, status: 'active' }])
    await page.evaluate(`localStorage.subscription = JSON.stringify({
      ...JSON.parse(localStorage.subscription), ...${JSON.stringify({ endpoint: token, keys })} })
      localStorage.next = 2`)
  })

  test('another key never leaves the user without a subscription', async () => {
    const [before] = await subscribers()
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
    const bytes = Buffer.concat([
      Buffer.of(4),
      ...[pair.x!, pair.y!].map((part) => Buffer.from(part, 'base64url')),
    ])
    const vapidPublicKey = bytes.toString('base64url')
    const app = await api.patch(base, { vapid_public_key: vapidPublicKey, vapid_private_key: pair.d })
    expect(app.status).toBe(200)
    const resume = () =>
      page.evaluate(`(async () => {
        const { resume } = await import('${running.service.url}/sdk/krafter-push.js')
        const subscription = await resume({ appId: '${before.app_id}', vapidPublicKey: '${vapidPublicKey}', register: '/subscribers' })
        return subscription.endpoint
      })()`)
    // The push service does not take the new key just now: one with the old key is there instead.
    await page.evaluate(`localStorage.refusedKey = '${[...bytes]}'`)
    expect(await resume()).toBe(devices[2]!.registration.token)
    expect(registrations().at(-1)).toMatchObject({ old_token: devices[1]!.registration.token })
    expect(registrations().at(-1)!.vapid_public_key).not.toBe(vapidPublicKey)
    await page.evaluate('delete localStorage.refusedKey')
    expect(await resume()).toBe(devices[3]!.registration.token)
    expect(registrations().at(-1)).toMatchObject({ vapid_public_key: vapidPublicKey })
    expect(await subscribers()).toMatchObject([{ id: before.id, token: devices[3]!.registration.token }])
  })

  test('opting out on the notification unsubscribes, and no load subscribes again', async () => {
    const id = await push('Too much')
    expect(await click(id, 'unsubscribe')).toEqual([])
    const [left] = await received('subscriber.unsubscribed')
    const subscriber = await api.get(`${base}/subscribers/${left!.subscriber_id}`)
    expect(subscriber.body.data).toMatchObject({ status: 'unsubscribed' })
    const before = posts.length
    await page.reload()
    await state('Unsubscribed')
    expect(posts).toHaveLength(before)
  })

  test('a gesture subscribes again; unsubscribing on the page is remembered, too', async () => {
    await page.click('#subscribe')
    await state('Subscribed')
    expect(registrations().at(-1)).toMatchObject({ keep_unsubscribed: false })
    expect(
      (await subscribers()).filter(({ status }: { status: string }) => status === 'active'),
    ).toHaveLength(1)
    await page.click('#unsubscribe')
    await state('Unsubscribed')
    expect(await page.evaluate('localStorage.subscription')).toBeUndefined()
    await poll(subscribers, (found) =>
      found.every(({ status }: { status: string }) => status === 'unsubscribed'),
    )
    const before = posts.length
    await page.reload()
    await state('Unsubscribed')
    expect(posts).toHaveLength(before)
  })

  test('a service worker that the page has already is used as it is', async () => {
    const fresh = await browser.newContext({ permissions: ['notifications'] })
    await fresh.addInitScript(standInForPushService(devices.slice(-1)))
    const other = await fresh.newPage()
    await other.goto(example.origin)
    await other.evaluate(`navigator.serviceWorker.register('/sw.js?own')`)
    await other.click('#subscribe')
    await other.waitForSelector('#state:text-is("Subscribed")')
    const scripts = await other.evaluate(`navigator.serviceWorker.getRegistrations()
      .then((found) => found.map(({ active }) => active.scriptURL))`)
    expect(scripts).toEqual([`${example.origin}/sw.js?own`])
    await fresh.close()
  })

  describe('the permission', () => {
    test('without what it takes a browser is unsupported, and an iPhone says what to do', async () => {
      const fresh = await browser.newContext()
      const other = await fresh.newPage()
      await other.goto(example.origin)
      const said = await other.evaluate(`(async () => {
        const sdk = await import('${running.service.url}/sdk/krafter-push.js')
        const options = { appId: 'app', vapidPublicKey: 'key', register: '/subscribers' }
        const said = []
        for (const name of ['Notification', 'PushManager']) {
          delete globalThis[name]
          said.push([
            await sdk.status(), sdk.isSupported(), sdk.findObstacle()?.kind, await sdk.resume(options),
            await sdk.subscribe(options).catch((error) => error.message), await sdk.unsubscribe(options),
          ])
          globalThis.Notification = class {}
        }
        for (const system of ['iPhone OS 17_5 like Mac OS X', 'iPhone OS 16_3_1 like Mac OS X', 'Linux x86_64']) {
          Object.defineProperty(navigator, 'userAgent', { value: 'Mozilla/5.0 (' + system + ')', configurable: true })
          said.push(sdk.findObstacle()?.kind)
        }
        return said
      })()`)
      const unsupported = ['unsupported', false, undefined, null, 'this browser does not support push', false]
      expect(said).toEqual([unsupported, unsupported, 'add-to-home-screen', 'update', undefined])
      await fresh.close()
    })

    test('that was denied is told, and so is that it was given after all', async () => {
      const fresh = await browser.newContext()
      const other = await fresh.newPage()
      const session = await fresh.newCDPSession(other)
      const { targetInfo } = await session.send('Target.getTargetInfo')
      const setTo = (setting: 'denied' | 'granted') =>
        session.send('Browser.setPermission', {
          permission: { name: 'notifications' },
          setting,
          origin: example.origin,
          browserContextId: targetInfo.browserContextId!,
        })
      await other.goto(example.origin)
      await setTo('denied')
      await other.reload()
      await other.waitForSelector(
        '#state:text-is("Notifications are blocked: allow them in the settings of the browser for this site, then reload")',
      )
      const { kind, steps, subscribed } = (await other.evaluate(`(async () => {
        const sdk = await import('${running.service.url}/sdk/krafter-push.js')
        globalThis.statuses = []
        sdk.watchStatus((status) => statuses.push(status))
        const options = { appId: 'app', vapidPublicKey: 'key', register: '/subscribers' }
        return { ...sdk.findObstacle(), subscribed: await sdk.subscribe(options) }
      })()`)) as { kind: string; steps: string[]; subscribed: unknown }
      expect([kind, steps.length, subscribed]).toEqual(['unblock', 3, null])
      await setTo('granted')
      await other.waitForFunction('statuses.length > 0')
      expect(await other.evaluate('statuses')).toEqual(['new'])
      await fresh.close()
    })
  })

  test('a page with the React hook registers without a backend', async () => {
    const { publishable_key: publishableKey } = (await api.get(base)).body.data
    await api.patch(base, { public_registration: { origins: [example.origin] } })
    const fresh = await browser.newContext({ permissions: ['notifications'] })
    await fresh.addInitScript(standInForPushService(devices.slice(-3, -1)))
    const other = await fresh.newPage()
    const pushOptions = JSON.stringify({ serverUrl: running.service.url, publishableKey })
    // The example's page, with another content: Chromium lets documents of this machine alone ask this machine.
    await other.goto(example.origin)
    await other.evaluate(`document.body.replaceChildren(); globalThis.pushOptions = ${pushOptions}`)
    await other.addScriptTag({ type: 'module', content: await bundlePage() })
    await other.waitForSelector('output:text-is("new")')
    await other.click('#subscribe')
    await other.waitForSelector('output:text-is("subscribed")')
    const subscriberOf = async (device: Device) =>
      (await api.get(`${base}/subscribers?token=${encodeURIComponent(device.registration.token)}`)).body
        .data[0]
    const [first, second] = devices.slice(-3, -1) as [Device, Device]
    const subscriber = await subscriberOf(first)
    expect(subscriber).toMatchObject({ status: 'active', user_id: null, platform: 'web' })
    // The worker knows the old subscription's secret: the renewed one is the same subscriber.
    const workers = fresh.serviceWorkers()
    const { token: endpoint, keys } = second.registration
    await workers[0]!.evaluate(`(async () => {
      const renewed = { endpoint: '${endpoint}', toJSON: () => (${JSON.stringify({ endpoint, keys })}) }
      PushManager.prototype.getSubscription = async () => renewed
      const event = new ExtendableEvent('pushsubscriptionchange')
      const work = []
      event.waitUntil = (promise) => work.push(promise)
      dispatchEvent(event)
      await Promise.all(work)
    })()`)
    expect(await subscriberOf(second)).toMatchObject({ id: subscriber.id, status: 'active' })
    await other.evaluate(`localStorage.subscription = JSON.stringify({
      ...JSON.parse(localStorage.subscription), ...${JSON.stringify({ endpoint, keys })} })`)
    await other.click('#unsubscribe')
    await other.waitForSelector('output:text-is("unsubscribed")')
    expect(await subscriberOf(second)).toMatchObject({ id: subscriber.id, status: 'unsubscribed' })
    await api.patch(base, { public_registration: { origins: ['https://elsewhere.example'] } })
    await other.click('#subscribe')
    // The service lets no page of this origin read why.
    await other.waitForSelector('output:text-matches("Failed to fetch")')
    await fresh.close()
  })

  test('the page of the API asks nobody else, and sends its readers nowhere', async () => {
    const reader = await browser.newPage()
    const asked = new Set<string>()
    const problems: string[] = []
    reader.on('request', (request) => asked.add(new URL(request.url()).origin))
    reader.on('pageerror', (error) => problems.push(String(error)))
    reader.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    await reader.goto(`${running.service.url}/docs`)
    await reader.click('a:has-text("Create an app")')
    // What a reader opens and tries shows more of it. Fields open once, with more of them to open.
    await reader.click('#createApp details:has-text("401") summary')
    await reader.waitForSelector('#createApp >> text=Invalid or missing API key')
    await reader.fill('#key', running.api.key)
    await reader.click('#createApp button:has-text("Send")')
    await reader.waitForSelector('#createApp .answer :text("vapid_private_key")')
    expect(await reader.innerText('#createApp .answer')).toContain('201 Created')
    await reader.click('a:has-text("Create a webhook")')
    await reader.fill('#createWebhook label:has-text("app_id") input', 'an app/of mine')
    const curl = await reader.innerText('#createWebhook pre')
    expect(curl).toContain('/push/apps/an%20app%2Fof%20mine/webhooks')
    expect(curl).not.toContain(running.api.key)
    await reader.click('#createWebhook summary:has-text("Fields of Filter")')
    await reader.waitForSelector('#createWebhook >> text=All of these filters have to match.')
    expect(await reader.evaluate('localStorage.length + sessionStorage.length')).toBe(0)
    const shown = (await reader.evaluate(`(() => {
      const visible = (element) => element.checkVisibility({ visibilityProperty: true })
      const links = [...document.links].filter(visible).map(({ href }) => new URL(href).origin)
      return { links: [...new Set(links)], text: document.body.innerText }
    })()`)) as { links: string[]; text: string }
    expect(shown.links.filter((origin) => origin !== running.service.url)).toEqual([])
    expect(shown.text).not.toMatch(/scalar|ask ai|open api client|generate (mcp|sdk)|deploy/i)
    expect([...asked]).toEqual([running.service.url])
    expect(problems).toEqual([])
    await reader.close()
  })
}
