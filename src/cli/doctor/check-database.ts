import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.ts'
import { databasePathIn } from '../../platform/db/data-folder.ts'
import { readEventLogHorizons } from '../../retention/event-log.ts'
import { openStorage, type Storage } from '../../storage.ts'
import { type Finding, findings, judgeClock } from './finding.ts'

/** Checks that the database is usable, its clock, and how far ahead partitions exist. Migrates nothing. */
export async function checkDatabase(config: Config, log: Logger): Promise<Finding[]> {
  if (!config.databaseUrl && !existsSync(databasePathIn(config.dataDir))) {
    return [findings.ok('database', `none in ${config.dataDir} yet: the first start makes it`)]
  }
  let storage: Storage | undefined
  try {
    storage = await openStorage(config, log)
    return await look(storage, config.databaseUrl ? 'PostgreSQL' : config.dataDir)
  } catch (error) {
    return [findings.failed('database', (error as Error).message)]
  } finally {
    await storage?.close()
  }
}

/** Below 3 days the check warns. The nightly job creates partitions for 14 days ahead. */
const nearSeconds = 3 * 86_400

async function look({ db, backend }: Storage, where: string): Promise<Finding[]> {
  const { rows } = await sql<{ now: Date; migrated: boolean }>`
    select clock_timestamp() as now, to_regclass('events') is not null as migrated`.execute(db)
  const [{ now, migrated }] = rows as [{ now: Date; migrated: boolean }]
  const found = [findings.ok('database', where)]
  if (backend === 'postgres') found.push(judgeClock((Date.now() - now.getTime()) / 1_000, 'the database'))
  if (!migrated) return [...found, findings.ok('partitions', 'none yet: the first start makes them')]
  const horizons = await readEventLogHorizons(db, new Date())
  const nearest = Math.min(...horizons.map(({ aheadSeconds }) => aheadSeconds))
  const detail = `for ${Math.max(0, Math.floor(nearest / 86_400))} days ahead`
  if (nearest > nearSeconds) return [...found, findings.ok('partitions', detail)]
  const help = `${detail}: a start makes them, and the nightly job of a worker`
  return [...found, findings[nearest > 0 ? 'warning' : 'failed']('partitions', help)]
}
