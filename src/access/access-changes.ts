import { sql } from 'kysely'
import type { Db } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'

/** PostgreSQL's channels on which transactions tell of what they changed. */
const channels = { key: 'krafter_push_keys', app: 'krafter_push_apps' } as const

/** While changes are heard. Bounds what an announcement that was lost with its connection can do. */
const maxAgeHeardMs = 5_000
const maxAgeUnheardMs = 1_000

/** Tells every process, once the transaction commits, that a key (by the hash in hex) or an app has changed or is gone. */
export async function announceChange(trx: Db, kind: keyof typeof channels, id: string): Promise<void> {
  await sql`select pg_notify(${channels[kind]}, ${id})`.execute(trx)
}

/** @param listener `missed`: changes may have been lost */
export function onChange(
  notices: Notices,
  kind: keyof typeof channels,
  listener: { changed: (id: string) => void; missed: () => void },
): void {
  notices.on(channels[kind], { received: listener.changed, missed: listener.missed })
}

/** How long what has been read may be used, if nobody says that it has changed. */
export function maxAgeMs({ areHeard }: Notices): number {
  return areHeard ? maxAgeHeardMs : maxAgeUnheardMs
}
