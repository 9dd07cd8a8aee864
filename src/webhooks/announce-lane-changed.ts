import { sql } from 'kysely'
import type { Trx } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'

/** PostgreSQL's channel on which transactions tell of what they changed for a webhook's deliveries. */
const channel = 'krafter_push_lanes'

/**
 * Tells the owner of a webhook's deliveries, once the transaction commits, that what it knows of them no longer holds:
 * the webhook was changed, or deliveries were canceled that others wait for. It is a hint that can be lost.
 */
export async function announceLaneChanged(trx: Trx, appId: string, webhookId: string): Promise<void> {
  await sql`select pg_notify(${channel}, ${`${appId}:${webhookId}`})`.execute(trx)
}

/** @param listener `missed`: announcements may have been lost */
export function onLaneChanged(
  notices: Notices,
  listener: { changed(appId: string, webhookId: string): void; missed(): void },
): void {
  notices.on(channel, {
    received(payload) {
      const [appId, webhookId] = payload.split(':')
      listener.changed(appId!, webhookId!)
    },
    missed: listener.missed,
  })
}
