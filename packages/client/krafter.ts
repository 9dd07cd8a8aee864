import { createApi } from './api.ts'
import { createApps } from './apps.ts'
import { createDeliveries } from './deliveries.ts'
import { createEvents } from './events.ts'
import { createNotifications } from './notifications.ts'
import { defaultMaxRetries, type KrafterOptions } from './options.ts'
import { createReplays } from './replays.ts'
import { createSubscribers } from './subscribers.ts'
import { createTransport } from './transport.ts'
import { createWebhooks } from './webhooks.ts'

/** A client of one Krafter Push service: `new Krafter({ url, apiKey })`. It does not need to be closed. */
export class Krafter {
  readonly apps: ReturnType<typeof createApps>
  readonly subscribers: ReturnType<typeof createSubscribers>
  readonly notifications: ReturnType<typeof createNotifications>
  readonly webhooks: ReturnType<typeof createWebhooks>
  readonly deliveries: ReturnType<typeof createDeliveries>
  readonly replays: ReturnType<typeof createReplays>
  readonly events: ReturnType<typeof createEvents>

  /** @throws TypeError when the URL or the API key cannot be used */
  constructor(options: KrafterOptions) {
    const api = createApi(createTransport(options))
    this.apps = createApps(api)
    this.subscribers = createSubscribers(api)
    this.notifications = createNotifications(api)
    this.webhooks = createWebhooks(api)
    this.deliveries = createDeliveries(api)
    this.replays = createReplays(api)
    this.events = createEvents(api, options.maxRetries ?? defaultMaxRetries)
  }
}
