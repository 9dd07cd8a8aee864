import { sendingDue } from '../announcements.ts'
import { AppLockedError } from '../apps/app-lock-store.ts'
import { type Channels, findOversize } from '../channels/registry.ts'
import type { Deps } from '../deps.ts'
import type { MessageContent } from '../message-content.ts'
import { pipelined, type Trx } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { presentNotification } from './notification-schema.ts'
import { insertNotifications } from './notification-store.ts'
import { type Priority, rankOf, smallAudience } from './rank.ts'

/** A requested notification, whose fields were checked. */
export interface NotificationRequest {
  app: { id: string; settings: Record<string, unknown> }
  title: string
  content: MessageContent
  targeting: unknown
  priority: Priority
  /** The request's `traceparent` header; absent when traces are not configured. */
  traceparent?: string | undefined
}

export type AcceptedNotification = ReturnType<typeof presentNotification>

/** Stands for an id, all of which have one length. */
const idOfNone = '00000000-0000-0000-0000-000000000000'

/** @throws 422 when the payload is too long to be pushed */
export function checkPayload(channels: Channels, { app, title, content }: NotificationRequest): void {
  const message = { id: idOfNone, appId: app.id, title, content, appSettings: app.settings }
  const oversize = findOversize(channels, message)
  if (oversize) throw refusals.invalid({ [oversize.field]: [oversize.message] })
}

/**
 * Accepts notifications of any apps in the caller's transaction, with a fixed number of statements. Each notification
 * is a row that is due now. The lanes of the apps are told after the commit.
 *
 * @param waiting `skip locked`: returns AppLockedError for notifications of apps that are deleted or being deleted
 * @returns the notifications as the API shows them, in the given order; a 404 for each whose app is deleted
 */
export async function acceptNotifications(
  trx: Trx,
  deps: Pick<Deps, 'clock'>,
  requests: readonly NotificationRequest[],
  waiting?: 'skip locked',
): Promise<(AcceptedNotification | Error)[]> {
  const appIds = requests.map(({ app }) => app.id)
  const given = requests.map(({ app, title, content, targeting, priority }) => ({
    id: newId(),
    appId: app.id,
    title,
    content,
    targeting,
    rank: rankOf(priority, namesFew(targeting)),
  }))
  const [rows] = await pipelined([
    insertNotifications(trx, given, deps.clock.now(), waiting),
    sendingDue.announce(trx, appIds),
  ])
  return given.map(({ id }) => {
    const row = rows.get(id)
    if (row) return presentNotification(row)
    return waiting ? new AppLockedError() : refusals.notFound()
  })
}

function namesFew(targeting: unknown): boolean {
  const { type, ids } = (targeting ?? {}) as { type?: string; ids?: readonly string[] }
  return type === 'user_ids' && ids!.length <= smallAudience
}
