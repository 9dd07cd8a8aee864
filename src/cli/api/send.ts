import type { CreateNotificationRequest, Targeting } from '../../../packages/client/index.ts'
import { splitList } from '../../platform/split-list.ts'
import { printOne } from '../output.ts'
import { UsageError } from '../usage-error.ts'
import { findApp, openService } from './open-service.ts'
import type { ServiceOptions } from './service-command.ts'

export interface SendOptions extends ServiceOptions {
  title: string
  body?: string
  open?: string
  icon?: string
  image?: string
  at?: string
  all?: boolean
  /** Comma-separated, like `tags` and `platforms`. */
  users?: string
  tags?: string
  platforms?: string
  wait?: boolean
}

/** `krafter-push send`: sends a notification. With `--wait`, prints the result once it is sent. */
export async function send(options: SendOptions): Promise<void> {
  const targeting = readTargeting(options)
  const service = openService(options)
  const appId = await findApp(service, options)
  const body: CreateNotificationRequest = {
    title: options.title,
    body: options.body ?? null,
    url: options.open ?? null,
    icon: options.icon ?? null,
    image: options.image ?? null,
    targeting,
    ...(options.at === undefined ? {} : { scheduled_at: options.at }),
  }
  const created = await service.notifications.create(appId, body)
  const notification = options.wait ? await service.notifications.waitUntilSent(appId, created.id) : created
  if (options.json) printOne(notification, options)
  else {
    const { id, status, stats } = notification
    printOne({ id, status, sent: stats.sent_count, failed: stats.failed_count }, options)
  }
}

/** Sending to everybody requires `--all`: a forgotten option must not do it. */
function readTargeting({ all, users, tags, platforms }: SendOptions): Targeting {
  const given = Object.entries({ all, users, tags, platforms }).filter(([, value]) => value !== undefined)
  if (given.length !== 1) {
    throw new UsageError('choose who gets it with one of --all, --users, --tags or --platforms')
  }
  if (users !== undefined) return { type: 'user_ids', ids: splitList(users) }
  if (tags !== undefined) return { type: 'tags', tags: splitList(tags) }
  // The service checks the platform names.
  if (platforms !== undefined)
    return { type: 'platform', platforms: splitList(platforms) as ('web' | 'ios' | 'android')[] }
  return { type: 'all' }
}
