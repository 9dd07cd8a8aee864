import { sql } from 'kysely'
import type { Trx } from '../../platform/db/db.ts'
import type { Notices } from '../../platform/db/notices.ts'

/** PostgreSQL's channel on which transactions tell of the apps that have new events and are followed. */
const channel = 'krafter_push_events'
/** A payload is shorter than 8,000 bytes (NOTIFY); a name takes 37. */
const maxNamed = 200

/** Tells whoever follows the apps, once the transaction commits. It is a hint that can be lost. */
export async function announceEvents(trx: Trx, appIds: Iterable<string>): Promise<void> {
  const names = [...new Set(appIds)]
  if (names.length === 0) return
  const payloads: string[] = []
  for (let start = 0; start < names.length; start += maxNamed) {
    payloads.push(names.slice(start, start + maxNamed).join(' '))
  }
  await sql`select pg_notify(${channel}, payload) from unnest(${sql.val(payloads)}::text[]) payload`.execute(
    trx,
  )
}

/** @param listener `missed`: announcements may have been lost */
export function onEventsPublished(
  notices: Notices,
  listener: { published(appId: string): void; missed(): void },
): void {
  notices.on(channel, {
    received(payload) {
      for (const appId of payload.split(' ')) listener.published(appId)
    },
    missed: listener.missed,
  })
}
