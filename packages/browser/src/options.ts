import type { ClickOptions } from './notes.ts'

interface CommonOptions {
  /** Where Krafter Push is. */
  serverUrl: string
  /**
   * The path of your service worker, on your own origin, by default `/sw.js`. A worker that its folder has already is used
   * as it is.
   */
  serviceWorker?: string
  click?: ClickOptions
}

/** Your backend registers the subscriber: it has an API key. */
export interface BackendOptions extends CommonOptions {
  appId: string
  /** The app's `vapid_public_key`. */
  vapidPublicKey: string
  /**
   * A path of your backend that takes a {@link Registration} as JSON, or a function. A path also serves when the browser
   * renews the subscription while no page is open.
   */
  register: string | ((registration: Registration) => unknown)
  /** The same for opting out. */
  unregister?: string | ((registration: Registration) => unknown)
}

/** Krafter Push registers the subscriber itself: the app's `public_registration` has to allow the page's origin. */
export interface DirectOptions extends CommonOptions {
  publishableKey: string
  /** Who is signed in, with the signature of your backend; null: nobody; absent: the subscriber keeps its user. */
  user?: { id: string; signature: string } | null
}

export type PushOptions = BackendOptions | DirectOptions

/** A subscription, as `POST /api/v1/push/apps/:app_id/subscribers` takes it. */
export interface Registration {
  app_id: string
  platform: 'web'
  /** The endpoint. */
  token: string
  keys: { p256dh: string; auth: string }
  /** The key that the browser subscribed with. */
  vapid_public_key?: string
  /** True where the user did not ask just now: a subscriber that opted out stays so. */
  keep_unsubscribed?: boolean
  /** What the device had before, where the token is another. */
  old_token?: string
}
