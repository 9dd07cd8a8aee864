import { sql } from 'kysely'
import type { Db } from './db.ts'
import type { Notices } from './notices.ts'

/** A NOTIFY payload is limited to less than 8,000 bytes; a name (at most two ids) takes up to 74 bytes. */
const maxNamed = 100

export function announcementsOn(channel: string) {
  return {
    /** Notifies listeners once the transaction commits. Announcements are hints and can be lost. */
    async announce(trx: Db, names: Iterable<string>) {
      const unique = [...new Set(names)]
      const payloads: string[] = []
      for (let start = 0; start < unique.length; start += maxNamed) {
        payloads.push(unique.slice(start, start + maxNamed).join(' '))
      }
      if (payloads.length === 0) return
      const statement = sql`select pg_notify(${channel}, payload) from unnest(${sql.val(payloads)}::text[]) payload`
      await statement.execute(trx)
    },
    /** @param listener `missed`: announcements may have been lost */
    on(notices: Notices, { named, missed }: { named(name: string): void; missed(): void }) {
      notices.on(channel, { received: (payload) => payload.split(' ').forEach(named), missed })
    },
  }
}

/** Messages on one channel (NOTIFY) in which transactions tell other processes the names of changed rows. */
export type Announcements = ReturnType<typeof announcementsOn>
