import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { packagePath } from './platform/package-files.ts'
import { dependencies } from './version.ts'

/** What decides which files an empty database consists of, besides the migrations. */
const makers = ['@electric-sql/pglite', 'pg-boss']

export const preparedFolder = fileURLToPath(packagePath('prepared/'))

/**
 * Where an empty database with all of its tables lies that this very version has made (`prepare-database.ts`), in a
 * checkout by `npm ci`. Need not be there: the first start makes it then.
 *
 * @returns undefined for a package without one
 */
export function preparedDatabasePath(): string | undefined {
  const migrations = fileURLToPath(packagePath('migrations/'))
  if (!existsSync(migrations)) return findPacked()
  const hash = createHash('sha256')
  for (const name of makers) hash.update(`${name}@${dependencies[name]}\n`)
  for (const name of readdirSync(migrations).sort()) hash.update(readFileSync(`${migrations}${name}`))
  return `${preparedFolder}database-${hash.digest('hex').slice(0, 16)}.gz`
}

/** A package has the one that was made before it was packed. */
function findPacked(): string | undefined {
  const [name] = existsSync(preparedFolder) ? readdirSync(preparedFolder) : []
  return name && `${preparedFolder}${name}`
}
