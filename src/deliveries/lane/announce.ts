import { sql } from 'kysely'
import type { Trx } from '../../platform/db/db.ts'
import type { Notices } from '../../platform/db/notices.ts'

/** PostgreSQL's channel on which transactions tell of the deliveries that they made. */
const channel = 'krafter_push_deliveries'
/** A payload is shorter than 8,000 bytes (NOTIFY); a name takes 74. */
const maxNamed = 100

/** Tells the owners of lanes, once the transaction commits, that they have new deliveries. It is a hint that can be lost. */
export async function announceDeliveries(
  trx: Trx,
  lanes: readonly { appId: string; webhookId: string }[],
): Promise<void> {
  const names = [...new Set(lanes.map(({ appId, webhookId }) => `${appId}:${webhookId}`))]
  const payloads: string[] = []
  for (let start = 0; start < names.length; start += maxNamed) {
    payloads.push(names.slice(start, start + maxNamed).join(' '))
  }
  await sql`select pg_notify(${channel}, payload) from unnest(${sql.val(payloads)}::text[]) payload`.execute(
    trx,
  )
}

/** @param listener `missed`: announcements may have been lost */
export function onDeliveriesMade(
  notices: Notices,
  listener: { made(appId: string, webhookId: string): void; missed(): void },
): void {
  notices.on(channel, {
    received(payload) {
      for (const name of payload.split(' ')) {
        const [appId, webhookId] = name.split(':')
        listener.made(appId!, webhookId!)
      }
    },
    missed: listener.missed,
  })
}
