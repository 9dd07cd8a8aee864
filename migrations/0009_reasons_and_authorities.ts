import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Why an attempt got no answer, in words; null for an earlier version's rows, too.
  `alter table attempts add column reason text`,
  // Certificates that are trusted for deliveries to this webhook, PEM.
  `alter table webhooks add column ca_pem text`,
]
