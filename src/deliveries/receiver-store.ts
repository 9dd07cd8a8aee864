import { sql } from 'kysely'
import type { Trx } from '../platform/db/db.ts'
import { anyOf } from '../platform/db/is-one-of.ts'
import { type Filter, storedFilter } from '../webhooks/filter.ts'

/** The webhooks and streams that receive the events of some apps. */
export interface EventReceivers {
  /** Webhooks, enabled or not, by app. */
  listeners: Map<string, Listener[]>
  /** Apps whose events a stream follows. */
  streamed: Set<string>
}

/** Reads the webhooks and streams of some apps. The result stays valid while the transaction holds those apps. */
export async function readEventReceivers(
  trx: Trx,
  appIds: readonly string[],
  now: Date,
): Promise<EventReceivers> {
  if (appIds.length === 0) return { listeners: new Map(), streamed: new Set() }
  const { rows } = await sql<Listener | Stream>`
    select app_id as "appId", id, generation, events, filter, enabled from webhooks
    where app_id = ${anyOf(appIds)}
    union all
    select app_id, null, null, null, null, null from event_streams
    where app_id = ${anyOf(appIds)} and expires_at > ${now}`.execute(trx)
  const listeners = rows.filter((row): row is Listener => row.id !== null)
  const known = listeners.map((listener) => ({ ...listener, filter: storedFilter(listener.filter) }))
  return {
    listeners: Map.groupBy(known, ({ appId }) => appId),
    streamed: new Set(rows.filter(({ id }) => id === null).map(({ appId }) => appId)),
  }
}

/** A webhook, with what decides which events it gets. */
export interface Listener {
  appId: string
  id: string
  generation: number
  events: string[]
  filter: Filter | null
  enabled: boolean
}

/** An open stream (events/stream/stream-routes.ts). */
interface Stream {
  appId: string
  id: null
}
