import { writeFileSync } from 'node:fs'
import { migrate } from '../src/platform/db/migrate.ts'
import { openEmbedded } from '../src/platform/db/open-database.ts'
import { dumpSchema } from './dump-schema.ts'

const database = await openEmbedded('memory://')
await migrate(database.db)
writeFileSync(new URL('../migrations/schema.sql', import.meta.url), await dumpSchema(database.db))
await database.close()
