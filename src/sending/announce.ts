import { sql } from 'kysely'
import type { Trx } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'

/** PostgreSQL's channel on which transactions tell of the apps that have something to send. */
const channel = 'krafter_push_sending'
/** A payload is shorter than 8,000 bytes (NOTIFY); a name takes 37. */
const maxNamed = 200

/** Tells the owners of the apps' lanes, once the transaction commits. It is a hint that can be lost. */
export async function announceSending(trx: Trx, appIds: Iterable<string>): Promise<void> {
  const names = [...new Set(appIds)]
  const payloads: string[] = []
  for (let start = 0; start < names.length; start += maxNamed) {
    payloads.push(names.slice(start, start + maxNamed).join(' '))
  }
  await sql`select pg_notify(${channel}, payload) from unnest(${sql.val(payloads)}::text[]) payload`.execute(
    trx,
  )
}

/** @param listener `missed`: announcements may have been lost */
export function onSendingDue(notices: Notices, listener: { due(appId: string): void; missed(): void }): void {
  notices.on(channel, {
    received(payload) {
      for (const appId of payload.split(' ')) listener.due(appId)
    },
    missed: listener.missed,
  })
}
