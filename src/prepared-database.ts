import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { dependencies } from './version.ts'

/** What decides which files an empty database consists of, besides the migrations. */
const makers = ['@electric-sql/pglite', 'pg-boss']

/** Of a package beside its compiled sources, of a checkout beside the sources. */
export const preparedFolder = fileURLToPath(new URL('../prepared/', import.meta.url))

/**
 * Where an empty database with all of its tables lies that this very version has made (`prepare-database.ts`), in a
 * checkout by `npm ci`, in a package by the build. Need not be there: the first start makes it then.
 */
export function preparedDatabasePath(): string {
  const migrations = fileURLToPath(new URL('../migrations/', import.meta.url))
  const hash = createHash('sha256')
  for (const name of makers) hash.update(`${name}@${dependencies[name]}\n`)
  for (const name of readdirSync(migrations).sort()) hash.update(readFileSync(`${migrations}${name}`))
  return `${preparedFolder}database-${hash.digest('hex').slice(0, 16)}.gz`
}
