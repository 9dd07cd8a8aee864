import { Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { Database } from '../../../database.ts'
import { ConfigError } from '../../config-error.ts'
import { DatabaseUnavailable } from '../database-errors.ts'
import type { OpenDatabase } from '../db.ts'
import { retryConflicts } from '../retry-conflicts.ts'
import { createAvailability } from './availability.ts'
import { type ConnectionLimits, defaultConnectionLimits } from './connection-limits.ts'
import { openConnectionPool, type PoolOptions } from './connection-pool.ts'
import { createListeningConnection } from './listening-connection.ts'
import { isTransactionPooled } from './pooler.ts'
import { createReadinessProbe } from './readiness-probe.ts'
import { startSilenceWatch } from './silence-watch.ts'
import { withConnection } from './single-connection.ts'

export interface PostgresOptions {
  log: Pick<Logger, 'error' | 'warn' | 'info'>
  /** Overrides of the default limits. */
  limits?: Partial<ConnectionLimits>
  /** `set` for the connections of the queue, such as `enable_sort = off`. */
  queueSettings: readonly string[]
}

/** For the queue's claims and upkeep, whose statements are few and short. */
const maxQueueConnections = 1
const minimumServerVersion = 150_000

/**
 * Opens all connections to PostgreSQL: a pool for requests and workers, a pool for the queue, a connection for LISTEN
 * and a connection for readiness checks.
 *
 * @throws ConfigError when the server is too old, or the error of the server or the network when the server cannot be reached
 */
export async function openPostgresConnections(url: string, options: PostgresOptions): Promise<OpenDatabase> {
  const limits = { ...defaultConnectionLimits, ...options.limits }
  const hasSessions = await inspectServer(url, limits)
  const readiness = createReadinessProbe(url, limits)
  const pools: { renew(): void }[] = []
  const renewAll = () => {
    for (const pool of pools) pool.renew()
  }
  const availability = createAvailability({
    limits,
    log: options.log,
    probe: () => readiness.askAnew(),
    onChange() {
      renewAll()
      void listening.look()
    },
  })
  const watch = startSilenceWatch({
    silenceMs: limits.silenceMs,
    checkEveryMs: limits.checkEveryMs,
    findWorking: (pids) => findWorking(url, limits, pids),
    onFound: renewAll,
  })
  const openPool = (
    own: Pick<PoolOptions, 'applicationName' | 'maxConnections' | 'settings' | 'pipeline'>,
  ) => {
    const pool = openConnectionPool({
      ...own,
      connectionString: url,
      limits,
      hasSessions,
      watch,
      onUnavailable: availability.suspect,
      isReadOnly: () => availability.state() === 'read-only',
    })
    pools.push(pool)
    return pool
  }
  const pool = openPool({
    applicationName: 'krafter-push',
    maxConnections: limits.maxConnections,
    settings: [],
    pipeline: true,
  })
  const queuePool = openPool({
    applicationName: 'krafter-push-queue',
    maxConnections: maxQueueConnections,
    settings: options.queueSettings,
    pipeline: false,
  })
  const listening = createListeningConnection(url, limits, (error) =>
    availability.suspect(new DatabaseUnavailable('unreachable', error)),
  )
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: pool as unknown as PostgresPool }) })
  retryConflicts(db)
  return {
    db,
    backend: 'postgres',
    queueDb: {
      executeSql: (text, values) => queuePool.query(text, values),
      ...(hasSessions && { listen: listening.listen }),
    },
    hasSessions,
    readState: () => readiness.ask(),
    silentMs: () => 0,
    connectionUse: pool.use,
    async close() {
      availability.stop()
      listening.end()
      // Kysely only closes a pool that it has used.
      await Promise.all([db.destroy(), pool.end(), queuePool.end()])
      watch.stop()
      readiness.end()
    },
  }
}

/** @returns whether a connection keeps its session, with settings and LISTEN; not behind a transaction pooler */
async function inspectServer(url: string, limits: ConnectionLimits): Promise<boolean> {
  const connect = <Result>(use: (client: pg.Client) => Promise<Result>) =>
    withConnection(url, limits, limits.connectTimeoutMs, use)
  return connect(async (client) => {
    const { rows } = await client.query<{ version: number }>(
      `select current_setting('server_version_num')::int as version`,
    )
    if (rows[0]!.version < minimumServerVersion)
      throw new ConfigError('the PostgreSQL server of DATABASE_URL is older than 15')
    return !(await isTransactionPooled(client, connect))
  })
}

/**
 * Finds which of the server's processes are working on a statement. Idle ones have lost their connection to this
 * process and are terminated: otherwise their locks might never be released.
 */
async function findWorking(
  url: string,
  limits: ConnectionLimits,
  pids: readonly number[],
): Promise<ReadonlySet<number>> {
  return withConnection(
    url,
    { ...limits, connectTimeoutMs: limits.silenceMs },
    limits.silenceMs,
    async (client) => {
      const { rows } = await client.query<{ pid: number }>(
        `select pid from pg_stat_activity
       where pid = any($1) and not case
         when state like 'idle%' and state_change < clock_timestamp() - $2 * interval '1 millisecond'
         then pg_terminate_backend(pid) else false end`,
        [pids, limits.silenceMs / 2],
      )
      return new Set(rows.map(({ pid }) => pid))
    },
  )
}
