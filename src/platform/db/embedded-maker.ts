import { PGlite } from '@electric-sql/pglite'

/** A program that creates the files of an embedded database in the folder given as argument (make-embedded.ts). */
await (await PGlite.create(process.argv[2]!)).close()
process.exit(0)
