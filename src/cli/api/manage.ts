import type { Krafter } from '../../../packages/client/index.ts'
import { printOne, printRows } from '../output.ts'
import { UsageError } from '../usage-error.ts'
import { findApp, findWebhook, openService, readWebhookSecret, take } from './open-service.ts'
import type { ServiceOptions } from './service-command.ts'

export interface ListOptions extends ServiceOptions {
  limit: number
  status?: string
  platform?: string
}

/** Runs `use` with a service and one of its apps. */
async function withApp(
  options: ServiceOptions,
  use: (service: Krafter, appId: string) => Promise<void>,
): Promise<void> {
  const service = openService(options)
  await use(service, await findApp(service, options))
}

/** Drops undefined values. The service checks the rest: its 422 names the invalid ones. */
// biome-ignore lint/suspicious/noExplicitAny: it is as the user wrote it
const query = (values: Record<string, unknown>): any =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

export async function listApps(options: ListOptions): Promise<void> {
  const rows = await take(openService(options).apps.list(), options.limit)
  printRows(rows, ['id', 'name', 'subscriber_count', 'created_at'], options)
}

export async function createApp(name: string, options: ServiceOptions): Promise<void> {
  printOne(await openService(options).apps.create({ name }), options)
}

export async function showApp(id: string, options: ServiceOptions): Promise<void> {
  printOne(await openService(options).apps.read(id), options)
}

/** Requires `--yes`, because deleting an app also deletes its subscribers, webhooks and history. */
export async function deleteApp(id: string, options: ServiceOptions & { yes?: boolean }): Promise<void> {
  if (!options.yes) throw new UsageError('this deletes the app with everything that is in it: add --yes')
  await openService(options).apps.delete(id)
  printOne({ id, deleted: true }, options)
}

export const listSubscribers = (options: ListOptions) =>
  withApp(options, async (service, appId) => {
    const { status, platform, limit } = options
    const rows = await take(service.subscribers.list(appId, query({ status, platform })), limit)
    printRows(rows, ['id', 'platform', 'status', 'user_id', 'tags', 'last_active_at'], options)
  })

export const showSubscriber = (id: string, options: ServiceOptions) =>
  withApp(options, async (service, appId) => printOne(await service.subscribers.read(appId, id), options))

export const deleteSubscriber = (id: string, options: ServiceOptions) =>
  withApp(options, async (service, appId) => {
    await service.subscribers.delete(appId, id)
    printOne({ id, deleted: true }, options)
  })

export const listWebhooks = (options: ServiceOptions) =>
  withApp(options, async (service, appId) => {
    const { data } = await service.webhooks.list(appId)
    printRows(data, ['id', 'url', 'enabled', 'failure_count', 'events'], options)
  })

export const createWebhook = (
  to: string,
  options: ServiceOptions & { events: string; secretFile?: string },
) =>
  withApp(options, async (service, appId) => {
    const secret = readWebhookSecret(options)
    const events = options.events.split(',').map((name) => name.trim())
    const body = query({ url: to, events, secret })
    printOne(await service.webhooks.create(appId, body), options)
  })

export const setWebhookEnabled = (enabled: boolean, id: string | undefined, options: ServiceOptions) =>
  withApp(options, async (service, appId) => {
    const webhookId = await findWebhook(service, appId, id)
    printOne(await service.webhooks.update(appId, webhookId, { enabled }), options)
  })

export const deleteWebhook = (id: string, options: ServiceOptions) =>
  withApp(options, async (service, appId) => {
    await service.webhooks.delete(appId, id)
    printOne({ id, deleted: true }, options)
  })

export const listDeliveries = (webhook: string | undefined, options: ListOptions) =>
  withApp(options, async (service, appId) => {
    const webhookId = await findWebhook(service, appId, webhook)
    const list = service.deliveries.list(appId, webhookId, query({ status: options.status }))
    const rows = await take(list, options.limit)
    printRows(rows, ['id', 'event', 'status', 'attempt_count', 'created_at'], options)
  })

export const showDelivery = (id: string, options: ServiceOptions & { webhook?: string }) =>
  withApp(options, async (service, appId) => {
    const webhookId = await findWebhook(service, appId, options.webhook)
    printOne(await service.deliveries.read(appId, webhookId, id), options)
  })

/** `krafter-push replay`: replays one delivery, or all events of a period. */
export const replay = (
  webhook: string | undefined,
  options: ServiceOptions & { delivery?: string; since?: string; until?: string },
) => {
  const { delivery, since, until } = options
  if ((delivery === undefined) === (since === undefined)) {
    throw new UsageError(
      'choose what to deliver again: --delivery <id>, or --since <time> with or without --until',
    )
  }
  return withApp(options, async (service, appId) => {
    const webhookId = await findWebhook(service, appId, webhook)
    const made = delivery
      ? await service.deliveries.replay(appId, webhookId, delivery)
      : await service.replays.start(appId, webhookId, query({ since, until }))
    printOne(made, options)
  })
}

/** `krafter-push test`: sends a sample event to a webhook. Exit code 1 when the receiver does not accept it. */
export const testWebhook = (webhook: string | undefined, options: ServiceOptions & { event?: string }) =>
  withApp(options, async (service, appId) => {
    const webhookId = await findWebhook(service, appId, webhook)
    const result = await service.webhooks.test(appId, webhookId, query({ event: options.event }))
    printOne(result, options)
    if (result.error) process.exitCode = 1
  })
