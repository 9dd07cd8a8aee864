import { PGlite } from '@electric-sql/pglite'

/** A program: makes the files of an embedded database in the folder that is its argument (make-embedded.ts). */
await (await PGlite.create(process.argv[2]!)).close()
process.exit(0)
