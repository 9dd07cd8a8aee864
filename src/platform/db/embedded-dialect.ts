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
import type { EmbeddedClient, EmbeddedTransaction } from './embedded-client.ts'

interface Connection extends DatabaseConnection {
  transaction: EmbeddedTransaction | undefined
}

/**
 * The embedded database for Kysely. Kysely's own dialect for PGlite gives the connection to the next who asks once it
 * has heard that the last is done, and the database idles until then; here it has the next one's statements already.
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

/** Kysely rolls back what failed to commit, which has ended by then. */
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
        // It has the stack of the thread's message; from here the stack leads to whoever asked.
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
