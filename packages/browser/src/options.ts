import type { ClickOptions } from './notes.ts'

interface CommonOptions {
  /** The URL of Krafter Push. */
  serverUrl: string
  /**
   * The path of your service worker, on your own origin, by default `/sw.js`. A worker that is already registered for
   * its folder is used unchanged.
   */
  serviceWorker?: string
  click?: ClickOptions
}

/** Your backend, which has an API key, registers the subscriber. */
export interface BackendOptions extends CommonOptions {
  appId: string
  /** The app's `vapid_public_key`. */
  vapidPublicKey: string
  /**
   * A path of your backend that accepts a {@link Registration} as JSON, or a function. Only a path also works when the
   * browser renews the subscription while no page is open.
   */
  register: string | ((registration: Registration) => unknown)
  /** Like `register`, for opting out. */
  unregister?: string | ((registration: Registration) => unknown)
}

/** Krafter Push registers the subscriber directly: the app's `public_registration` must allow the page's origin. */
export interface DirectOptions extends CommonOptions {
  publishableKey: string
  /** The signed-in user, with your backend's signature. Null: nobody is signed in. Absent: the user stays unchanged. */
  user?: { id: string; signature: string } | null
}

export type PushOptions = BackendOptions | DirectOptions

/** A subscription in the form that `POST /api/v1/push/apps/:app_id/subscribers` accepts. */
export interface Registration {
  app_id: string
  platform: 'web'
  /** The subscription's endpoint. */
  token: string
  keys: { p256dh: string; auth: string }
  /** The key that the browser subscribed with. */
  vapid_public_key?: string
  /** True when the user did not just ask to subscribe: a subscriber that opted out then stays opted out. */
  keep_unsubscribed?: boolean
  /** The device's previous token, if it differs from `token`. */
  old_token?: string
}
