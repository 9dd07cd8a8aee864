import { sql } from 'kysely'
import type { Db } from './db.ts'
import type { Notices } from './notices.ts'

/** What transactions tell other processes on one channel of the database (NOTIFY): names of what they changed. */
export interface Announcements {
  /** Tells whoever listens, once the transaction commits. It is a hint that can be lost. */
  announce(trx: Db, names: Iterable<string>): Promise<void>
  /** @param listener `missed`: announcements may have been lost */
  on(notices: Notices, listener: { named(name: string): void; missed(): void }): void
}

/** A payload is shorter than 8,000 bytes (NOTIFY); a name, two ids at most, takes 74. */
const maxNamed = 100

export function announcementsOn(channel: string): Announcements {
  return {
    async announce(trx, names) {
      const unique = [...new Set(names)]
      const payloads: string[] = []
      for (let start = 0; start < unique.length; start += maxNamed) {
        payloads.push(unique.slice(start, start + maxNamed).join(' '))
      }
      if (payloads.length === 0) return
      const statement = sql`select pg_notify(${channel}, payload) from unnest(${sql.val(payloads)}::text[]) payload`
      await statement.execute(trx)
    },
    on(notices, { named, missed }) {
      notices.on(channel, { received: (payload) => payload.split(' ').forEach(named), missed })
    },
  }
}
