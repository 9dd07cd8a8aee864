// Made from openapi.json by `npm run openapi`; not to be edited.

/** Everybody. */
export type AllTargeting = {
  /** Every active subscriber of the app. */
  type: "all"
}

/** An app: its subscribers, notifications and webhooks belong together. */
export type App = {
  /** The app's id. */
  id: string
  /** A name for people. */
  name: string
  /** The key that browsers subscribe with: a P-256 point, base64url. */
  vapid_public_key: string
  /** How many active subscribers the app has. */
  subscriber_count: number
  settings: AppSettings
  /** When it was created, in UTC. */
  created_at: string
  /** When it last changed, in UTC. */
  updated_at: string
  /** The public keys of all key pairs of the app, the current one first. A subscription keeps the pair that it was made with. */
  vapid_public_keys: string[]
  /** With which pages register their browsers without a backend. It is not a secret. */
  publishable_key: string
  public_registration: PublicRegistration | null
  /** Whether signed identities can be verified: `rotate-identity-secret` makes the secret. */
  has_identity_secret: boolean
}

/** One page of a list: each entry is a app. */
export type AppList = {
  /** The entries of the page. */
  data: App[]
  /** Pass it as `cursor` to get the next page; null: this is the last page. */
  next_cursor: string | null
}

/** An answer with a app. */
export type AppResponse = {
  /** The app. */
  data: App
}

/** Defaults for notifications, and whatever else you store here. */
export type AppSettings = {
  /** The icon of notifications that name none: a URL. */
  default_icon?: string
  /** What a click opens where a notification names no URL. */
  default_url?: string
  [name: string]: unknown
}

/** One request to the webhook, and its answer. */
export type Attempt = {
  /** The attempt's id, which the receiver gets as `x-krafter-webhook-id`. */
  id: string
  /** The first attempt is 1. */
  number: number
  /** When it started, in UTC. */
  started_at: string
  /** How long it took, in milliseconds. */
  duration_ms: number
  /** The HTTP status of the answer; null: there was none. */
  status: number | null
  /** Why it failed; null: it succeeded. */
  error: AttemptError | null
  /** Why there was no answer, in words; null: there was one. */
  reason: string | null
  /** The first 1 KiB of the answer; null: there was none. */
  response_body: string | null
}

/** `status`: the answer was not a 2xx; `timeout`: no complete answer in time; `dns`: the host name has no address; `connect`: the connection failed or broke; `tls`: TLS or the certificate failed; `refused_address`: the URL leads to an address that is not allowed; `protocol`: the answer is not valid HTTP; `aborted`: the service broke the attempt off. */
export type AttemptError = "timeout" | "dns" | "connect" | "tls" | "refused_address" | "status" | "protocol" | "aborted"

/** The body of `createApp`. */
export type CreateAppRequest = {
  /** A name for people. */
  name: string
  /** Defaults for notifications, such as `default_icon`; at most 16384 bytes of JSON. */
  settings?: AppSettings
  /** The public key of a VAPID key pair that you have: a P-256 point, base64url. */
  vapid_public_key?: string
  /** Its private key: 32 bytes, base64url. */
  vapid_private_key?: string
  public_registration?: PublicRegistration | null
}

/** What to push, and to whom. */
export type CreateNotificationRequest = {
  /** The title. */
  title: string
  /** The text below the title. */
  body?: string | null
  /** The URL of an icon; default: the app's `default_icon`. */
  icon?: string | null
  /** The URL of a large image. */
  image?: string | null
  /** What a click opens; default: the app's `default_url`. */
  url?: string | null
  /** Buttons. Browsers show two at most. */
  actions?: NotificationAction[] | null
  /** Whatever your page or app needs to know about it. */
  data?: Record<string, unknown> | null
  /** Whom it is for; default: `{"type":"all"}`, every active subscriber of the app. */
  targeting?: Targeting | null
  /** What differs by platform; null: nothing. */
  platform_overrides?: PlatformOverrides | null
  /** How soon it is sent, compared with other notifications of the app. */
  priority?: Priority | null
  /** Not supported by this version: drafts are refused. */
  status?: "draft"
  /** Not supported by this version: a time in the future is refused. */
  scheduled_at?: string | null
}

/** The body of `createNotifications`. */
export type CreateNotificationsRequest = {
  /** What to send, row by row. */
  notifications: CreateNotificationRequest[]
}

/** The body of `createWebhook`. */
export type CreateWebhookRequest = {
  /** Where events are sent: `https://` only, at a public address, without a user name or password. */
  url: string
  /** What deliveries are signed with: any text, or `whsec_` and 24 to 64 bytes in base64. Without a secret they are not signed. */
  secret?: string | null
  /** The events to send, each once; none: nothing is sent. */
  events?: EventType[]
  /** Whether events are sent. Enabling it clears `failure_count`. */
  enabled?: boolean
  /** `hmac`: `webhook-signature` is by the secret; `ed25519`: it also has a signature (`v1a`) that `public_key` verifies. */
  signature?: "hmac" | "ed25519"
  /** A note for people. */
  description?: string | null
  /** Seconds to wait before each further attempt, 604800 in total at most; `[]`: one attempt; null: the schedule of the install. */
  retry_schedule?: number[] | null
  /** Requests per second, at most; further deliveries wait. null: no limit. */
  rate_limit?: number | null
  /** Attempts at the same time, at most; null: the limit of the service. */
  max_in_flight?: number | null
  /** Headers to send with each attempt, such as `authorization`. They are encrypted at rest and shown masked. */
  headers?: Record<string, string> | null
  /** Only events that match it are delivered; null: all events. */
  filter?: Filter | null
  /** Several events in one request; null: one event per request. Not together with `ordered`. */
  batch?: WebhookBatch | null
  /** `true`: deliver one event at a time, in their order; `"subscriber_id"`: the same within each subscriber; `false`: in any order. An event that fails holds back the later ones until it has ended. */
  ordered?: boolean | "subscriber_id" | null
  /** Whether a webhook that was disabled because of failures is probed, and enabled by the first 2xx. */
  auto_recover?: boolean
  /** Certificates in PEM, up to 10, to trust for its deliveries instead of the public authorities; null: the public authorities. */
  ca_pem?: string | null
  /** Whether each attempt carries a W3C `traceparent` header, so that the traces of the receiver join those of the service. Nothing is sent while the service exports no traces. Not together with `batch`. */
  traceparent?: boolean
}

/** An app, with the private key that only the answer to its creation shows. */
export type CreatedApp = {
  /** The app's id. */
  id: string
  /** A name for people. */
  name: string
  /** The key that browsers subscribe with: a P-256 point, base64url. */
  vapid_public_key: string
  /** How many active subscribers the app has. */
  subscriber_count: number
  settings: AppSettings
  /** When it was created, in UTC. */
  created_at: string
  /** When it last changed, in UTC. */
  updated_at: string
  /** The public keys of all key pairs of the app, the current one first. A subscription keeps the pair that it was made with. */
  vapid_public_keys: string[]
  /** With which pages register their browsers without a backend. It is not a secret. */
  publishable_key: string
  public_registration: PublicRegistration | null
  /** Whether signed identities can be verified: `rotate-identity-secret` makes the secret. */
  has_identity_secret: boolean
  /** The private key: 32 bytes, base64url. Only this answer shows it. */
  vapid_private_key: string
}

/** An answer with a created app. */
export type CreatedAppResponse = {
  /** The created app. */
  data: CreatedApp
}

/** An event on its way to one webhook. */
export type Delivery = {
  /** The delivery's id. */
  id: string
  /** The webhook's id. */
  webhook_id: string
  /** The event's id, which the receiver gets as `webhook-id`. */
  event_id: string
  event: EventType
  status: DeliveryStatus
  /** Attempts so far. */
  attempt_count: number
  /** When it is attempted next; null: as soon as there is room, or not again. */
  next_attempt_at: string | null
  /** The replay that created it; null: none did. */
  replay_id: string | null
  /** When it was created, in UTC. */
  created_at: string
  /** When it succeeded, failed or was canceled; null: it is pending. */
  finished_at: string | null
  /** The last attempt; null: there was none yet. */
  last_attempt: LastAttempt | null
}

/** One page of a list: each entry is a delivery. */
export type DeliveryList = {
  /** The entries of the page. */
  data: Delivery[]
  /** Pass it as `cursor` to get the next page; null: this is the last page. */
  next_cursor: string | null
}

/** An answer with a delivery. */
export type DeliveryResponse = {
  /** The delivery. */
  data: Delivery
}

/** `pending`: to be attempted, at `next_attempt_at` or as soon as there is room; `succeeded`: answered with a 2xx; `failed`: given up; `canceled`: its webhook was disabled or deleted, or its replay canceled. */
export type DeliveryStatus = "pending" | "succeeded" | "failed" | "canceled"

/** Something that happened in an app, as webhooks receive it. */
export type Event = NotificationSentEvent | NotificationDeliveredEvent | NotificationClickedEvent | NotificationFailedEvent | SubscriberRegisteredEvent | SubscriberUnsubscribedEvent | WebhookDisabledEvent

/** One page of a list: each entry is a event. */
export type EventList = {
  /** The entries of the page. */
  data: Event[]
  /** Pass it as `cursor` to get the next page; null: this is the last page. */
  next_cursor: string | null
}

/** The name of an event. Later versions may have more. */
export type EventType = "notification.sent" | "notification.delivered" | "notification.clicked" | "notification.failed" | "subscriber.registered" | "subscriber.unsubscribed" | "webhook.disabled"

/** A condition on an event's `data`. All entries have to match; `and`, `or` and `not` combine filters, at most 5 deep. A field that is absent equals nothing, not even null. */
export type Filter = {
  /** All of these filters have to match. */
  and?: Filter[]
  /** One of these filters has to match. */
  or?: Filter[]
  /** This filter must not match. */
  not?: Filter
  notification_id?: TextTest
  app_id?: TextTest
  title?: TextTest
  sent_count?: NumberTest
  failed_count?: NumberTest
  pending_count?: NumberTest
  subscriber_id?: TextTest
  user_id?: NullableTextTest
  platform?: PlatformTest
  at?: TextTest
  action?: TextTest
  reason?: TextTest
  status?: NullableNumberTest
  failure_reason?: TextTest
  webhook_id?: TextTest
  url?: TextTest
  failure_count?: NumberTest
}

/** Whether the field is there. */
export type FilterExists = {
  /** true: events that have the field; false: events without it. */
  exists: boolean
}

/** The secret that your backend signs user ids with. */
export type IdentitySecret = {
  /** The app's id. */
  app_id: string
  /** The new secret. Only this answer shows it. */
  identity_secret: string
  /** Until when signatures by the previous secret are accepted as well; null: they are not. */
  previous_secret_expires_at: string | null
}

/** An answer with a identity secret. */
export type IdentitySecretResponse = {
  /** The identity secret. */
  data: IdentitySecret
}

/** The last attempt of a delivery. */
export type LastAttempt = {
  /** When it started, in UTC. */
  started_at: string
  /** How long it took, in milliseconds. */
  duration_ms: number
  /** The HTTP status of the answer; null: there was none. */
  status: number | null
  /** Why it failed; null: it succeeded. */
  error: AttemptError | null
  /** Why there was no answer, in words; null: there was one. */
  reason: string | null
}

/** A delivery with its body and every attempt. */
export type LoggedDelivery = {
  /** The delivery's id. */
  id: string
  /** The webhook's id. */
  webhook_id: string
  /** The event's id, which the receiver gets as `webhook-id`. */
  event_id: string
  event: EventType
  status: DeliveryStatus
  /** Attempts so far. */
  attempt_count: number
  /** When it is attempted next; null: as soon as there is room, or not again. */
  next_attempt_at: string | null
  /** The replay that created it; null: none did. */
  replay_id: string | null
  /** When it was created, in UTC. */
  created_at: string
  /** When it succeeded, failed or was canceled; null: it is pending. */
  finished_at: string | null
  /** The last attempt; null: there was none yet. */
  last_attempt: LastAttempt | null
  /** The event as it is sent; null: it is no longer stored. */
  body: unknown
  /** Every attempt, first to last. */
  attempts: Attempt[]
}

/** An answer with a logged delivery. */
export type LoggedDeliveryResponse = {
  /** The logged delivery. */
  data: LoggedDelivery
}

/** An event with its deliveries. */
export type LoggedEvent = Event & {
  /** Its deliveries to every webhook, newest first, replays included; at most 1,000. */
  deliveries: Delivery[]
}

/** An answer with a logged event. */
export type LoggedEventResponse = {
  /** The logged event. */
  data: LoggedEvent
}

/** A message that is pushed to an audience of subscribers. */
export type Notification = {
  /** The notification's id. */
  id: string
  /** The app's id. */
  app_id: string
  /** The title. */
  title: string
  /** The text below the title. */
  body: string | null
  /** The URL of an icon. */
  icon: string | null
  /** The URL of a large image. */
  image: string | null
  /** What a click opens. */
  url: string | null
  /** Its buttons. */
  actions: NotificationAction[]
  /** Your data. */
  data: Record<string, unknown>
  /** Whom it is for. */
  targeting: Targeting
  /** What differs by platform. */
  platform_overrides: PlatformOverrides
  status: NotificationStatus
  priority: Priority
  /** Why nobody was reached, or why pushes are being retried while it is sending; null: neither. */
  failure_reason: string | null
  /** When it is to be sent; null: at once. */
  scheduled_at: string | null
  /** When it was sent to its whole audience; null: not yet. */
  sent_at: string | null
  stats: NotificationStats
  /** When it was created, in UTC. */
  created_at: string
  /** When it last changed, in UTC. */
  updated_at: string
}

/** A button of the notification. */
export type NotificationAction = {
  /** The label of the button. */
  title: string
  /** What a click on it is called in `notification.clicked`. */
  action: string
  /** What a click on it opens; default: the URL of the notification. */
  url?: string | null
}

/** The outcome of a batch, row by row. */
export type NotificationBatchResponse = {
  /** An outcome for each row, in the order of the request. */
  data: NotificationBatchRow[]
}

/** The outcome of one row: accepted or refused. */
export type NotificationBatchRow = NotificationRow | RefusedRow

/** What a `notification.clicked` event says. */
export type NotificationClickedData = {
  /** The notification's id. */
  notification_id: string
  /** The app's id. */
  app_id: string
  /** The subscriber's id. */
  subscriber_id: string
  /** The user that the subscriber belongs to; null: none. */
  user_id: string | null
  platform: Platform
  /** When the device reported the click, in UTC. */
  at: string
  /** The action that was clicked; absent: the notification itself. */
  action?: string
}

/** A device reports a click on the notification, or on the action that it names. */
export type NotificationClickedEvent = {
  /** The event's id, the same on every attempt: drop duplicates by it. */
  id: string
  /** The name of the event. */
  event: "notification.clicked"
  /** When it happened, in UTC. */
  timestamp: string
  data: NotificationClickedData
}

/** What a `notification.delivered` event says. */
export type NotificationDeliveredData = {
  /** The notification's id. */
  notification_id: string
  /** The app's id. */
  app_id: string
  /** The subscriber's id. */
  subscriber_id: string
  /** The user that the subscriber belongs to; null: none. */
  user_id: string | null
  platform: Platform
  /** When the device received it, in UTC. */
  at: string
}

/** A device reports that it received the notification. */
export type NotificationDeliveredEvent = {
  /** The event's id, the same on every attempt: drop duplicates by it. */
  id: string
  /** The name of the event. */
  event: "notification.delivered"
  /** When it happened, in UTC. */
  timestamp: string
  data: NotificationDeliveredData
}

/** What a `notification.failed` event says. */
export type NotificationFailedData = {
  /** The notification's id. */
  notification_id: string
  /** The app's id. */
  app_id: string
  /** The subscriber's id. */
  subscriber_id: string
  /** The user that the subscriber belongs to; null: none. */
  user_id: string | null
  platform: Platform
  /** `gone`: the token is no longer valid; `rejected`: the push service refused the push; `too_large`: the payload does not fit; `expired`: its time to live ended before it could be sent; `unreachable`: it was retried in vain, or its platform is not set up. */
  reason: "gone" | "rejected" | "too_large" | "expired" | "unreachable"
  /** The push service's HTTP status; null: there was no answer. */
  status: number | null
  /** The reason in words. */
  failure_reason: string
}

/** A push to a subscriber failed for good. */
export type NotificationFailedEvent = {
  /** The event's id, the same on every attempt: drop duplicates by it. */
  id: string
  /** The name of the event. */
  event: "notification.failed"
  /** When it happened, in UTC. */
  timestamp: string
  data: NotificationFailedData
}

/** One page of a list: each entry is a notification. */
export type NotificationList = {
  /** The entries of the page. */
  data: Notification[]
  /** Pass it as `cursor` to get the next page; null: this is the last page. */
  next_cursor: string | null
}

/** An answer with a notification. */
export type NotificationResponse = {
  /** The notification. */
  data: Notification
}

/** A row that was accepted. */
export type NotificationRow = {
  /** What the request for this row alone would have answered. */
  status: number
  /** The notification. */
  data: Notification
}

/** What a `notification.sent` event says. */
export type NotificationSentData = {
  /** The notification's id. */
  notification_id: string
  /** The app's id. */
  app_id: string
  /** The notification's title. */
  title: string
  /** Pushes that a push service accepted. */
  sent_count: number
  /** Pushes that failed for good. */
  failed_count: number
  /** Pushes that are still being retried. */
  pending_count: number
}

/** Once per notification, when its fan-out has completed, whether it reached anybody or not. */
export type NotificationSentEvent = {
  /** The event's id, the same on every attempt: drop duplicates by it. */
  id: string
  /** The name of the event. */
  event: "notification.sent"
  /** When it happened, in UTC. */
  timestamp: string
  data: NotificationSentData
}

/** What became of its pushes so far. */
export type NotificationStats = {
  /** Subscribers in the audience. */
  total_count: number
  /** Batches that the audience is sent in. */
  total_batches: number
  /** Batches that are complete. */
  completed_batches: number
  /** Pushes that a push service accepted. */
  sent_count: number
  /** Pushes that failed for good. */
  failed_count: number
  /** Subscribers that left the audience before they were sent to: they opted out, were deleted, or are no longer targeted. */
  skipped_count: number
  /** Pushes that have no outcome yet, retries included. */
  pending_count: number
  /** Devices that reported that they received it. */
  delivered_count: number
  /** Devices that reported a click. */
  clicked_count: number
}

/** `draft`: stored, not sent; `scheduled`: sent at `scheduled_at`; `sending`: pushes are being sent; `sent`: every push has its outcome, or is still being retried after 10 minutes; `failed`: it reached nobody, or could not be sent. */
export type NotificationStatus = "draft" | "scheduled" | "sending" | "sent" | "failed"

/** A test of a field that holds a number or null: a value, several, or its presence. */
export type NullableNumberTest = number | null | NullableNumberTestIn | FilterExists

/** The field is one of several values. */
export type NullableNumberTestIn = {
  /** The values, any of which matches. */
  in: (number | null)[]
}

/** A test of a field that holds text or null: a value, several, or its presence. */
export type NullableTextTest = string | null | NullableTextTestIn | FilterExists

/** The field is one of several values. */
export type NullableTextTestIn = {
  /** The values, any of which matches. */
  in: (string | null)[]
}

/** A test of a field that holds a number: a value, several, or its presence. */
export type NumberTest = number | NumberTestIn | FilterExists

/** The field is one of several values. */
export type NumberTestIn = {
  /** The values, any of which matches. */
  in: number[]
}

/** Browsers (web push), iOS (APNs) or Android (FCM). */
export type Platform = "web" | "ios" | "android"

/** What differs by platform. */
export type PlatformOverrides = {
  web?: WebOptions
  /** What differs on iOS. */
  ios?: Record<string, unknown>
  /** What differs on Android. */
  android?: Record<string, unknown>
}

/** Subscribers on some platforms. */
export type PlatformTargeting = {
  /** Subscribers by platform. */
  type: "platform"
  /** The platforms. */
  platforms: Platform[]
}

/** A test of a field that holds a platform: a value, several, or its presence. */
export type PlatformTest = Platform | PlatformTestIn | FilterExists

/** The field is one of several values. */
export type PlatformTestIn = {
  /** The values, any of which matches. */
  in: Platform[]
}

/** How soon it is sent, compared with other notifications of the app. */
export type Priority = "high" | "normal" | "low"

/** Who may register with the publishable key, without your backend; null: nobody. */
export type PublicRegistration = {
  /** From where pages may register: `https://shop.example`, or with all subdomains `https://*.shop.example`. `http://` for localhost only. */
  origins: string[]
  /** Whether every registration needs a `user_id` that your backend has signed. */
  require_identity?: boolean
}

/** A row that was refused. The other rows are not affected. */
export type RefusedRow = {
  /** What the request for this row alone would have answered. */
  status: number
  /** What is wrong, in a sentence for people. */
  error: string
  /** What is wrong, by field. Fields in fields are joined by dots: `keys.p256dh`. */
  details?: Record<string, string[]>
}

/** A browser, by the fields of its `PushSubscription.toJSON()`. */
export type RegisterBrowserSubscription = {
  /** A browser. */
  platform?: "web"
  /** Where the push service takes pushes for this browser. */
  endpoint: string
  /** The keys of the subscription. Required, unless the endpoint is registered already. */
  keys?: SubscriptionKeys
  /** As browsers give it, in milliseconds. It is not used: push services report when a subscription ends. */
  expirationTime?: number | null
  /** Which of the app's VAPID keys the browser subscribed with. Default: the current one for a new subscriber; a known one keeps its own. */
  vapid_public_key?: string | null
  /** Your id of the user; null: nobody is signed in. */
  user_id?: string | null
  /** Tags to target the subscriber by; each once. */
  tags?: string[] | null
  /** Whatever you want to store with it; at most 16384 bytes of JSON. */
  metadata?: Record<string, unknown> | null
  /** The token that the device had before, for browsers that renewed their subscription. Its subscriber gets the new token, unless another subscriber has that already. */
  old_token?: string | null
  /** Whether a subscriber that opted out stays unsubscribed. Set it when the user did not ask for notifications just now. */
  keep_unsubscribed?: boolean
}

/** A device, by its token. */
export type RegisterDevice = {
  /** A device with an app of yours. */
  platform: "ios" | "android"
  /** The device token, from APNs or FCM. */
  token: string
  /** Which of the app's VAPID keys the browser subscribed with. Default: the current one for a new subscriber; a known one keeps its own. */
  vapid_public_key?: string | null
  /** Your id of the user; null: nobody is signed in. */
  user_id?: string | null
  /** Tags to target the subscriber by; each once. */
  tags?: string[] | null
  /** Whatever you want to store with it; at most 16384 bytes of JSON. */
  metadata?: Record<string, unknown> | null
  /** The token that the device had before, for browsers that renewed their subscription. Its subscriber gets the new token, unless another subscriber has that already. */
  old_token?: string | null
  /** Whether a subscriber that opted out stays unsubscribed. Set it when the user did not ask for notifications just now. */
  keep_unsubscribed?: boolean
}

/** A browser or a device to push to. */
export type RegisterSubscriberRequest = RegisterWebSubscriber | RegisterBrowserSubscription | RegisterWholeSubscription | RegisterDevice

/** The body of `registerSubscribers`. */
export type RegisterSubscribersRequest = {
  /** What to register, row by row. */
  subscribers: RegisterSubscriberRequest[]
}

/** A browser, by the endpoint of its subscription. */
export type RegisterWebSubscriber = {
  /** A browser. */
  platform: "web"
  /** The endpoint of the browser's push subscription. */
  token: string
  /** The keys of the subscription. Required, unless the endpoint is registered already. */
  keys?: SubscriptionKeys
  /** Which of the app's VAPID keys the browser subscribed with. Default: the current one for a new subscriber; a known one keeps its own. */
  vapid_public_key?: string | null
  /** Your id of the user; null: nobody is signed in. */
  user_id?: string | null
  /** Tags to target the subscriber by; each once. */
  tags?: string[] | null
  /** Whatever you want to store with it; at most 16384 bytes of JSON. */
  metadata?: Record<string, unknown> | null
  /** The token that the device had before, for browsers that renewed their subscription. Its subscriber gets the new token, unless another subscriber has that already. */
  old_token?: string | null
  /** Whether a subscriber that opted out stays unsubscribed. Set it when the user did not ask for notifications just now. */
  keep_unsubscribed?: boolean
}

/** A browser, by the whole `PushSubscription.toJSON()` in one field. */
export type RegisterWholeSubscription = {
  /** A browser. */
  platform?: "web"
  /** The subscription as the browser gives it. */
  subscription: {
    /** Where the push service takes pushes for this browser. */
    endpoint: string
    /** As browsers give it, in milliseconds. It is not used: push services report when a subscription ends. */
    expirationTime?: number | null
    /** Required, unless the endpoint is registered already. */
    keys?: SubscriptionKeys
  }
  /** Which of the app's VAPID keys the browser subscribed with. Default: the current one for a new subscriber; a known one keeps its own. */
  vapid_public_key?: string | null
  /** Your id of the user; null: nobody is signed in. */
  user_id?: string | null
  /** Tags to target the subscriber by; each once. */
  tags?: string[] | null
  /** Whatever you want to store with it; at most 16384 bytes of JSON. */
  metadata?: Record<string, unknown> | null
  /** The token that the device had before, for browsers that renewed their subscription. Its subscriber gets the new token, unless another subscriber has that already. */
  old_token?: string | null
  /** Whether a subscriber that opted out stays unsubscribed. Set it when the user did not ask for notifications just now. */
  keep_unsubscribed?: boolean
}

/** Events of a time window, delivered once more to a webhook. */
export type Replay = {
  /** The replay's id. */
  id: string
  /** The webhook's id. */
  webhook_id: string
  /** The start of the window, in UTC; inclusive. */
  since: string
  /** The end of the window, in UTC; exclusive. */
  until: string
  /** The events that are delivered again. */
  events: EventType[]
  /** `running`: it is still creating deliveries; `completed`: every delivery is created, the last ones may be pending; `canceled`: it was canceled. */
  status: "running" | "completed" | "canceled"
  /** `failed`: events that the webhook did not receive; `all`: every event. */
  selection: "failed" | "all"
  /** Deliveries created so far. */
  event_count: number
  /** When it was created, in UTC. */
  created_at: string
  /** When it ended; null: it is running. */
  finished_at: string | null
}

/** One page of a list: each entry is a replay. */
export type ReplayList = {
  /** The entries of the page. */
  data: Replay[]
  /** Pass it as `cursor` to get the next page; null: this is the last page. */
  next_cursor: string | null
}

/** An answer with a replay. */
export type ReplayResponse = {
  /** The replay. */
  data: Replay
}

/** The body of `rotateIdentitySecret`. */
export type RotateIdentitySecretRequest = {
  /** For how many seconds the previous secret is accepted as well; default: a day. */
  overlap_seconds?: number
}

/** The body of `rotateSecret`. */
export type RotateSecretRequest = {
  /** The new secret; default: one is generated. */
  secret?: string
  /** For how many seconds the previous secret signs as well; default: a day. */
  overlap_seconds?: number
}

/** A new secret for a webhook. */
export type SecretRotation = {
  /** The webhook's id. */
  webhook_id: string
  /** The new secret. Only this answer shows it. */
  secret: string
  /** Until when the previous secret signs as well; null: it does not. */
  previous_secret_expires_at: string | null
}

/** An answer with a secret rotation. */
export type SecretRotationResponse = {
  /** The secret rotation. */
  data: SecretRotation
}

/** The body of `startReplay`. */
export type StartReplayRequest = {
  /** The start of the window; inclusive. */
  since: string
  /** The end of the window; exclusive. Default: now. */
  until?: string
  /** The events to deliver again; default: those that the webhook names. */
  events?: EventType[]
  /** `failed`: only events that the webhook did not receive; `all`: every event. */
  status?: "failed" | "all"
}

/** A browser or a device that can be pushed to. */
export type Subscriber = {
  /** The subscriber's id. */
  id: string
  /** The app's id. */
  app_id: string
  platform: Platform
  /** web: the endpoint of the push subscription; otherwise the device token. */
  token: string
  /** Your id of the user; null: none. */
  user_id: string | null
  /** Tags to target it by. */
  tags: string[]
  /** What you stored with it. */
  metadata: Record<string, unknown>
  status: SubscriberStatus
  /** The same as `last_seen_at`. */
  last_active_at: string
  /** When the device last registered or reported, to about a day. Changes by a backend do not count. */
  last_seen_at: string
  /** When it was created, in UTC. */
  created_at: string
  /** When it last changed, in UTC. */
  updated_at: string
  /** Why it is inactive; otherwise null. `gone`: the push service says that the token is no longer valid; `unseen`: the device was not seen for 90 days; `key_mismatch`: it subscribed with another VAPID key. */
  inactive_reason: "gone" | "unseen" | "key_mismatch" | null
}

/** The outcome of a batch, row by row. */
export type SubscriberBatchResponse = {
  /** An outcome for each row, in the order of the request. */
  data: SubscriberBatchRow[]
}

/** The outcome of one row: accepted or refused. */
export type SubscriberBatchRow = SubscriberRow | RefusedRow

/** One page of a list: each entry is a subscriber. */
export type SubscriberList = {
  /** The entries of the page. */
  data: Subscriber[]
  /** Pass it as `cursor` to get the next page; null: this is the last page. */
  next_cursor: string | null
}

/** What a `subscriber.registered` event says. */
export type SubscriberRegisteredData = {
  /** The app's id. */
  app_id: string
  /** The subscriber's id. */
  subscriber_id: string
  /** The user that the subscriber belongs to; null: none. */
  user_id: string | null
  platform: Platform
}

/** A subscriber is new, or active again. */
export type SubscriberRegisteredEvent = {
  /** The event's id, the same on every attempt: drop duplicates by it. */
  id: string
  /** The name of the event. */
  event: "subscriber.registered"
  /** When it happened, in UTC. */
  timestamp: string
  data: SubscriberRegisteredData
}

/** An answer with a subscriber. */
export type SubscriberResponse = {
  /** The subscriber. */
  data: Subscriber
}

/** A row that was accepted. */
export type SubscriberRow = {
  /** What the request for this row alone would have answered. */
  status: number
  /** The subscriber. */
  data: Subscriber
}

/** `active`: receives pushes; `inactive`: its token is no longer valid, or it was not seen for 90 days; `unsubscribed`: it opted out. */
export type SubscriberStatus = "active" | "inactive" | "unsubscribed"

/** What a `subscriber.unsubscribed` event says. */
export type SubscriberUnsubscribedData = {
  /** The app's id. */
  app_id: string
  /** The subscriber's id. */
  subscriber_id: string
  /** The user that the subscriber belongs to; null: none. */
  user_id: string | null
  platform: Platform
}

/** A subscriber opted out or was deleted. */
export type SubscriberUnsubscribedEvent = {
  /** The event's id, the same on every attempt: drop duplicates by it. */
  id: string
  /** The name of the event. */
  event: "subscriber.unsubscribed"
  /** When it happened, in UTC. */
  timestamp: string
  data: SubscriberUnsubscribedData
}

/** The keys of a browser's push subscription. */
export type SubscriptionKeys = {
  /** The browser's public key: a P-256 point, base64url. */
  p256dh: string
  /** The authentication secret: 16 bytes, base64url. */
  auth: string
}

/** Subscribers with some tags. */
export type TagsTargeting = {
  /** Subscribers by their tags. */
  type: "tags"
  /** The tags. */
  tags: string[]
  /** `any`: one of the tags is enough; `all`: a subscriber needs every one. */
  match?: "any" | "all"
}

/** Whom a notification is for. */
export type Targeting = AllTargeting | UserIdsTargeting | TagsTargeting | PlatformTargeting

/** A test delivery and its answer. */
export type TestDelivery = {
  /** The HTTP status of the answer; null: there was none. */
  status: number | null
  /** How long it took, in milliseconds. */
  duration_ms: number
  /** Why it failed; null: it succeeded. */
  error: AttemptError | null
  /** Why there was no answer, in words; null: there was one. */
  reason: string | null
  /** The first 1 KiB of the answer; null: there was none. */
  response_body: string | null
  /** The headers of the request; values of the webhook's own headers are masked. */
  request_headers: Record<string, string>
}

/** An answer with a test delivery. */
export type TestDeliveryResponse = {
  /** The test delivery. */
  data: TestDelivery
}

/** The body of `testWebhook`. */
export type TestWebhookRequest = {
  /** The event to send a sample of; default: the first that the webhook names. */
  event?: EventType
}

/** A test of a field that holds text: a value, several, or its presence. */
export type TextTest = string | TextTestIn | FilterExists

/** The field is one of several values. */
export type TextTestIn = {
  /** The values, any of which matches. */
  in: string[]
}

/** The body of `updateApp`. */
export type UpdateAppRequest = {
  /** A name for people. */
  name?: string
  /** Defaults for notifications, such as `default_icon`; at most 16384 bytes of JSON. */
  settings?: AppSettings
  /** The public key of a VAPID key pair that you have: a P-256 point, base64url. */
  vapid_public_key?: string
  /** Its private key: 32 bytes, base64url. */
  vapid_private_key?: string
  public_registration?: PublicRegistration | null
}

/** The body of `updateSubscriber`. */
export type UpdateSubscriberRequest = {
  /** Another token; a `web` token needs its `keys`. */
  token?: string
  /** The keys of the subscription. */
  keys?: SubscriptionKeys
  /** `unsubscribed`: it opts out; `active`: it receives pushes again. */
  status?: "active" | "unsubscribed"
  /** Which of the app's VAPID keys the browser subscribed with. Default: the current one for a new subscriber; a known one keeps its own. */
  vapid_public_key?: string | null
  /** Your id of the user; null: nobody is signed in. */
  user_id?: string | null
  /** Tags to target the subscriber by; each once. */
  tags?: string[] | null
  /** Whatever you want to store with it; at most 16384 bytes of JSON. */
  metadata?: Record<string, unknown> | null
}

/** The body of `updateWebhook`. */
export type UpdateWebhookRequest = {
  /** Where events are sent: `https://` only, at a public address, without a user name or password. */
  url?: string
  /** Another secret, which signs at once; null or empty: remove it. */
  secret?: string | null
  /** The events to send, each once; none: nothing is sent. */
  events?: EventType[]
  /** Whether events are sent. Enabling it clears `failure_count`. */
  enabled?: boolean
  /** `hmac`: `webhook-signature` is by the secret; `ed25519`: it also has a signature (`v1a`) that `public_key` verifies. */
  signature?: "hmac" | "ed25519"
  /** A note for people. */
  description?: string | null
  /** Seconds to wait before each further attempt, 604800 in total at most; `[]`: one attempt; null: the schedule of the install. */
  retry_schedule?: number[] | null
  /** Requests per second, at most; further deliveries wait. null: no limit. */
  rate_limit?: number | null
  /** Attempts at the same time, at most; null: the limit of the service. */
  max_in_flight?: number | null
  /** Headers to send with each attempt, such as `authorization`. They are encrypted at rest and shown masked. */
  headers?: Record<string, string> | null
  /** Only events that match it are delivered; null: all events. */
  filter?: Filter | null
  /** Several events in one request; null: one event per request. Not together with `ordered`. */
  batch?: WebhookBatch | null
  /** `true`: deliver one event at a time, in their order; `"subscriber_id"`: the same within each subscriber; `false`: in any order. An event that fails holds back the later ones until it has ended. */
  ordered?: boolean | "subscriber_id" | null
  /** Whether a webhook that was disabled because of failures is probed, and enabled by the first 2xx. */
  auto_recover?: boolean
  /** Certificates in PEM, up to 10, to trust for its deliveries instead of the public authorities; null: the public authorities. */
  ca_pem?: string | null
  /** Whether each attempt carries a W3C `traceparent` header, so that the traces of the receiver join those of the service. Nothing is sent while the service exports no traces. Not together with `batch`. */
  traceparent?: boolean
}

/** All devices of some users. */
export type UserIdsTargeting = {
  /** Subscribers by the users they belong to. */
  type: "user_ids"
  /** `user_id`s as they were registered; all devices of each user. */
  ids: string[]
}

/** What differs in browsers. Besides these fields, any option of `showNotification` may be given, such as `badge` or `vibrate`. */
export type WebOptions = {
  /** The title in browsers. */
  title?: string | null
  /** The direction of the text. */
  dir?: "auto" | "ltr" | "rtl" | null
  /** Replaces a shown notification with the same tag. */
  tag?: string | null
  /** Whether it makes no sound and does not vibrate. */
  silent?: boolean | null
  /** Whether it alerts again when it replaces another one; needs `tag`. */
  renotify?: boolean | null
  /** Buttons in browsers. */
  actions?: {
    /** What a click on it is called in `notification.clicked`. */
    action: string
    /** The label of the button. */
    title: string
    [name: string]: unknown
  }[] | null
  /** Your data in browsers. */
  data?: Record<string, unknown> | null
  /** For how many seconds push services keep it for a device that is offline. */
  ttl?: number
  /** How urgent it is: a device that saves power may receive less urgent pushes later. */
  urgency?: "very-low" | "low" | "normal" | "high"
  /** Replaces an undelivered push with the same topic. Push services with stricter rules (Apple) get a hash of it. */
  topic?: string
  [name: string]: unknown
}

/** Where an app sends its events, and how. */
export type Webhook = {
  /** The webhook's id. */
  id: string
  /** The app's id. */
  app_id: string
  /** Where events are sent. */
  url: string
  /** The events that are sent. */
  events: EventType[]
  /** Whether events are sent. */
  enabled: boolean
  /** Failed attempts since the last success. */
  failure_count: number
  /** When it was created, in UTC. */
  created_at: string
  /** When it last changed, in UTC. */
  updated_at: string
  /** When it was disabled; null: it is enabled. */
  disabled_at: string | null
  /** Why it is disabled, in words; null: it is enabled. */
  disabled_reason: string | null
  /** When an attempt last started; null: never. */
  last_triggered_at: string | null
  /** A note for people. */
  description: string | null
  /** Seconds to wait before each further attempt; null: the schedule of the install. */
  retry_schedule: number[] | null
  /** Requests per second, at most; null: no limit. */
  rate_limit: number | null
  /** Attempts at the same time, at most; null: the limit of the service. */
  max_in_flight: number | null
  /** Headers that are sent with each attempt; values are masked. */
  headers: Record<string, string>
  /** Only events that match it are delivered; null: all events. */
  filter: Filter | null
  /** Several events in one request; null: one event per request. */
  batch: WebhookBatch | null
  /** `true`: deliver one event at a time, in their order; `"subscriber_id"`: the same within each subscriber; `false`: in any order. An event that fails holds back the later ones until it has ended. */
  ordered: boolean | "subscriber_id"
  /** Whether it is probed and enabled again after failures disabled it. */
  auto_recover: boolean
  /** `hmac`: `webhook-signature` is by the secret; `ed25519`: it also has a signature (`v1a`) that `public_key` verifies. */
  signature: "hmac" | "ed25519"
  /** The key that verifies Ed25519 signatures (`v1a`); null with `hmac`. */
  public_key: string | null
  /** Until when the secret before the last rotation signs as well; null: it does not. */
  previous_secret_expires_at: string | null
  /** Certificates in PEM to trust for its deliveries; null: the public authorities. */
  ca_pem: string | null
  /** Whether each attempt carries a W3C `traceparent` header, so that the traces of the receiver join those of the service. Nothing is sent while the service exports no traces. Not together with `batch`. */
  traceparent: boolean
}

/** How events are put together into one request. */
export type WebhookBatch = {
  /** Events in one request, at most. */
  max_events: number
  /** How long an event waits for others, in milliseconds. */
  max_wait_ms: number
  /** Bytes of one request, at most; a longer event is sent alone. */
  max_bytes?: number
}

/** What a `webhook.disabled` event says. */
export type WebhookDisabledData = {
  /** The app's id. */
  app_id: string
  /** The id of the webhook that was disabled. */
  webhook_id: string
  /** Its URL. */
  url: string
  /** Why it was disabled, in words. */
  reason: string
  /** Failed attempts in a row. */
  failure_count: number
}

/** Another webhook of the app was disabled, because its attempts failed for long or its receiver answered 410. */
export type WebhookDisabledEvent = {
  /** The event's id, the same on every attempt: drop duplicates by it. */
  id: string
  /** The name of the event. */
  event: "webhook.disabled"
  /** When it happened, in UTC. */
  timestamp: string
  data: WebhookDisabledData
}

/** How a webhook answered lately. */
export type WebhookHealth = {
  /** How far back it looks: 24 hours. */
  window_seconds: number
  /** Attempts within the window, of its newest 10,000 deliveries. */
  attempts: number
  /** The share of attempts that succeeded, from 0 to 1; null: there were no attempts. */
  success_rate: number | null
  /** The median duration of an attempt, in milliseconds. */
  p50_ms: number | null
  /** The 95th percentile of the durations, in milliseconds. */
  p95_ms: number | null
  /** Since when the oldest pending delivery has been waiting; null: none is pending. */
  oldest_pending_at: string | null
}

/** An answer with a webhook health. */
export type WebhookHealthResponse = {
  /** The webhook health. */
  data: WebhookHealth
}

/** One page of a list: each entry is a webhook. */
export type WebhookList = {
  /** The entries of the page. */
  data: Webhook[]
  /** Pass it as `cursor` to get the next page; null: this is the last page. */
  next_cursor: string | null
}

/** An answer with a webhook. */
export type WebhookResponse = {
  /** The webhook. */
  data: Webhook
}

/** What each operation takes and answers. Paths begin below `/api/v1`. */
export interface Routes {
  'GET /push/apps': {
    query: {
      /** Entries per page. */
      limit?: number
      /** The `next_cursor` of the page before; absent: the first page. */
      cursor?: string
    }
    body: undefined
    answer: AppList
  }
  'POST /push/apps': {
    query: undefined
    body: CreateAppRequest
    answer: CreatedAppResponse
  }
  'GET /push/apps/{app_id}': {
    query: undefined
    body: undefined
    answer: AppResponse
  }
  'PATCH /push/apps/{app_id}': {
    query: undefined
    body: UpdateAppRequest
    answer: AppResponse
  }
  'DELETE /push/apps/{app_id}': {
    query: undefined
    body: undefined
    answer: undefined
  }
  'POST /push/apps/{app_id}/rotate-identity-secret': {
    query: undefined
    body: RotateIdentitySecretRequest | undefined
    answer: IdentitySecretResponse
  }
  'GET /push/apps/{app_id}/subscribers': {
    query: {
      /** Only subscribers on this platform. */
      platform?: Platform
      /** Only subscribers with this status. */
      status?: SubscriberStatus
      /** Only subscribers of this user. */
      user_id?: string
      /** Only the subscriber with this token; an endpoint in any spelling. */
      token?: string
      /** Only subscribers with this tag. */
      tag?: string
      /** Entries per page. */
      limit?: number
      /** Entries to skip. Use `cursor` for deeper pages. */
      offset?: number
      /** The `next_cursor` of the page before; absent: the first page. */
      cursor?: string
    }
    body: undefined
    answer: SubscriberList
  }
  'POST /push/apps/{app_id}/subscribers': {
    query: undefined
    body: RegisterSubscriberRequest
    answer: SubscriberResponse
  }
  'POST /push/apps/{app_id}/subscribers/batch': {
    query: undefined
    body: RegisterSubscribersRequest
    answer: SubscriberBatchResponse
  }
  'GET /push/apps/{app_id}/subscribers/{subscriber_id}': {
    query: undefined
    body: undefined
    answer: SubscriberResponse
  }
  'PATCH /push/apps/{app_id}/subscribers/{subscriber_id}': {
    query: undefined
    body: UpdateSubscriberRequest
    answer: SubscriberResponse
  }
  'DELETE /push/apps/{app_id}/subscribers/{subscriber_id}': {
    query: undefined
    body: undefined
    answer: undefined
  }
  'POST /push/apps/{app_id}/subscribers/{subscriber_id}/unsubscribe': {
    query: undefined
    body: undefined
    answer: SubscriberResponse
  }
  'GET /push/apps/{app_id}/notifications': {
    query: {
      /** Only notifications with this status. */
      status?: NotificationStatus
      /** Entries per page. */
      limit?: number
      /** Entries to skip. Use `cursor` for deeper pages. */
      offset?: number
      /** The `next_cursor` of the page before; absent: the first page. */
      cursor?: string
    }
    body: undefined
    answer: NotificationList
  }
  'POST /push/apps/{app_id}/notifications': {
    query: undefined
    body: CreateNotificationRequest
    answer: NotificationResponse
  }
  'POST /push/apps/{app_id}/notifications/batch': {
    query: undefined
    body: CreateNotificationsRequest
    answer: NotificationBatchResponse
  }
  'GET /push/apps/{app_id}/notifications/{notification_id}': {
    query: undefined
    body: undefined
    answer: NotificationResponse
  }
  'GET /push/apps/{app_id}/webhooks': {
    query: {
      /** Entries per page. */
      limit?: number
      /** The `next_cursor` of the page before; absent: the first page. */
      cursor?: string
    }
    body: undefined
    answer: WebhookList
  }
  'POST /push/apps/{app_id}/webhooks': {
    query: undefined
    body: CreateWebhookRequest
    answer: WebhookResponse
  }
  'GET /push/apps/{app_id}/webhooks/{webhook_id}': {
    query: undefined
    body: undefined
    answer: WebhookResponse
  }
  'PATCH /push/apps/{app_id}/webhooks/{webhook_id}': {
    query: undefined
    body: UpdateWebhookRequest
    answer: WebhookResponse
  }
  'DELETE /push/apps/{app_id}/webhooks/{webhook_id}': {
    query: undefined
    body: undefined
    answer: undefined
  }
  'GET /push/apps/{app_id}/webhooks/{webhook_id}/deliveries': {
    query: {
      /** Only deliveries with this status. */
      status?: DeliveryStatus
      /** Only deliveries of this event. */
      event?: EventType
      /** Only entries from this time on. */
      since?: string
      /** Only entries before this time. */
      until?: string
      /** Entries per page. */
      limit?: number
      /** The `next_cursor` of the page before; absent: the first page. */
      cursor?: string
    }
    body: undefined
    answer: DeliveryList
  }
  'GET /push/apps/{app_id}/webhooks/{webhook_id}/deliveries/{delivery_id}': {
    query: undefined
    body: undefined
    answer: LoggedDeliveryResponse
  }
  'POST /push/apps/{app_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay': {
    query: undefined
    body: undefined
    answer: DeliveryResponse
  }
  'POST /push/apps/{app_id}/webhooks/{webhook_id}/replay': {
    query: undefined
    body: StartReplayRequest
    answer: ReplayResponse
  }
  'GET /push/apps/{app_id}/webhooks/{webhook_id}/replays': {
    query: {
      /** Entries per page. */
      limit?: number
      /** The `next_cursor` of the page before; absent: the first page. */
      cursor?: string
    }
    body: undefined
    answer: ReplayList
  }
  'GET /push/apps/{app_id}/webhooks/{webhook_id}/replays/{replay_id}': {
    query: undefined
    body: undefined
    answer: ReplayResponse
  }
  'POST /push/apps/{app_id}/webhooks/{webhook_id}/replays/{replay_id}/cancel': {
    query: undefined
    body: undefined
    answer: ReplayResponse
  }
  'POST /push/apps/{app_id}/webhooks/{webhook_id}/test': {
    query: undefined
    body: TestWebhookRequest
    answer: TestDeliveryResponse
  }
  'GET /push/apps/{app_id}/events': {
    query: {
      /** Only events of this name. */
      event?: EventType
      /** Only entries from this time on. */
      since?: string
      /** Only entries before this time. */
      until?: string
      /** Entries per page. */
      limit?: number
      /** The `next_cursor` of the page before; absent: the first page. */
      cursor?: string
    }
    body: undefined
    answer: EventList
  }
  'GET /push/apps/{app_id}/events/{event_id}': {
    query: undefined
    body: undefined
    answer: LoggedEventResponse
  }
  'POST /push/apps/{app_id}/webhooks/{webhook_id}/rotate-secret': {
    query: undefined
    body: RotateSecretRequest
    answer: SecretRotationResponse
  }
  'GET /push/apps/{app_id}/webhooks/{webhook_id}/health': {
    query: undefined
    body: undefined
    answer: WebhookHealthResponse
  }
  'GET /push/apps/{app_id}/events/stream': {
    query: {
      /** Only events of these names, separated by commas. */
      event?: EventType[]
      /** The same as the header `last-event-id`, for clients that cannot set headers. */
      last_event_id?: string
    }
    body: undefined
    answer: undefined
  }
}
