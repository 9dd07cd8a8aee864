import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { packagePath } from './platform/package-files.ts'
import { dependencies } from './version.ts'

/** The packages that, with the migrations, determine the files of an empty database. */
const makers = ['@electric-sql/pglite', 'pg-boss']

export const preparedFolder = fileURLToPath(packagePath('prepared/'))

/**
 * The path of an empty database with all tables, made by exactly this version (`prepare-database.ts`; in a checkout,
 * `npm ci` runs it). The file may be missing: the first start then creates the database.
 *
 * @returns undefined for a package without a prepared database
 */
export function preparedDatabasePath(): string | undefined {
  const migrations = fileURLToPath(packagePath('migrations/'))
  if (!existsSync(migrations)) return findPacked()
  const hash = createHash('sha256')
  for (const name of makers) hash.update(`${name}@${dependencies[name]}\n`)
  for (const name of readdirSync(migrations).sort()) hash.update(readFileSync(`${migrations}${name}`))
  return `${preparedFolder}database-${hash.digest('hex').slice(0, 16)}.gz`
}

/** Finds the prepared database in a package, which was made before packing. */
function findPacked(): string | undefined {
  const [name] = existsSync(preparedFolder) ? readdirSync(preparedFolder) : []
  return name && `${preparedFolder}${name}`
}
