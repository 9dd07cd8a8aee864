import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import type { EmbeddedClient } from './embedded-client.ts'

interface Connection extends DatabaseConnection {
  transaction: ReturnType<EmbeddedClient['begin']> | undefined
}

/**
 * The embedded database for Kysely. Kysely's own PGlite dialect hands over the connection only after the previous user
 * is done, and the database idles meanwhile. This dialect sends the next statements ahead, so the database never waits.
 */
export function createEmbeddedDialect(client: EmbeddedClient): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => createDriver(client),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  }
}

function createDriver(client: EmbeddedClient): Driver {
  return {
    async init() {},
    acquireConnection: async () => createConnection(client),
    async beginTransaction(connection) {
      const ours = connection as Connection
      ours.transaction = client.begin()
    },
    commitTransaction: (connection) => end(connection as Connection, 'commit'),
    rollbackTransaction: (connection) => end(connection as Connection, 'rollback'),
    async releaseConnection() {},
    destroy: () => client.close(),
  }
}

/** After a failed commit Kysely also calls rollback, but the transaction has already ended by then. */
async function end(connection: Connection, how: 'commit' | 'rollback'): Promise<void> {
  const { transaction } = connection
  connection.transaction = undefined
  await transaction?.[how]()
}

function createConnection(client: EmbeddedClient): Connection {
  return {
    transaction: undefined,
    async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
      try {
        const { rows, affectedRows } = await (this.transaction ?? client).query<Row>(sql, [...parameters])
        return { rows, numAffectedRows: affectedRows === undefined ? undefined : BigInt(affectedRows) }
      } catch (error) {
        // The error's stack shows the thread's message handler; captured here, the stack leads to the caller.
        Error.captureStackTrace(error as Error)
        throw error
      }
    },
    // biome-ignore lint/correctness/useYield: part of the interface
    async *streamQuery() {
      throw new Error('the embedded database streams no rows')
    },
  }
}
