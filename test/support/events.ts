import { sql } from 'kysely'
import type { Db } from '../../src/platform/db/db.ts'

/** An event as it is kept: its parsed body, and how many webhooks it goes to. */
export interface KeptEvent {
  type: string
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect by comparing
  body: any
  deliveries: number
}

/** The events of an app, oldest first. What an answered request caused is among them. */
export async function readEvents(db: Db, appId: string): Promise<KeptEvent[]> {
  const { rows } = await sql<{ type: string; body: string; deliveries: number }>`
    select type, body, (
      select count(*)::int from deliveries where app_id = event.app_id and event_id = event.id
    ) as deliveries
    from events as event where app_id = ${appId}::uuid order by id`.execute(db)
  return rows.map((row) => ({ ...row, body: JSON.parse(row.body) }))
}
