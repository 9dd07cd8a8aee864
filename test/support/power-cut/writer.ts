import { appendFileSync } from 'node:fs'
import { sql } from 'kysely'
import { lockDataFolder, makeEncryptionKey } from '../../../src/platform/db/data-folder.ts'
import { openEmbedded } from '../../../src/platform/db/open-database.ts'
import { pack } from './journal.ts'
import { textOf } from './pairs.ts'

/**
 * A program that makes a data folder and writes into its database. Its journal gets what was acknowledged: each pair of rows
 * is a transaction. Checkpoints run between them, tables come and go, and files of the log are begun and reused.
 *
 * Arguments: the data folder, and the archive that its database begins with.
 */
const callers = 4
const pairsEach = 60

const [path, prepared] = process.argv.slice(2) as [string, string]
const { databasePath } = lockDataFolder(path)
const { db } = await openEmbedded(databasePath, { prepared })
makeEncryptionKey(path)
await sql`create table pairs (number int, half int, text text, primary key (number, half))`.execute(db)
await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
process.exit(0)

async function call(caller: number): Promise<void> {
  for (let n = 0; n < pairsEach; n += 1) {
    const number = n * callers + caller
    const text = textOf(number)
    await db.transaction().execute(async (trx) => {
      await sql`insert into pairs values (${number}, 1, ${text})`.execute(trx)
      await sql`insert into pairs values (${number}, 2, ${text})`.execute(trx)
    })
    appendFileSync(process.env.POWER_CUT_JOURNAL!, pack({ kind: 'acknowledged', number }))
    if (number % 60 === 59) await sql`select pg_switch_wal()`.execute(db)
    if (number % 50 === 49) await sql`checkpoint`.execute(db)
    if (number % 40 === 39) await replaceTable(number)
  }
}

async function replaceTable(number: number): Promise<void> {
  await sql`create table ${sql.id(`copy_${number}`)} as select * from pairs`.execute(db)
  await sql`drop table if exists ${sql.id(`copy_${number - 40}`)}`.execute(db)
}
