import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, startPostgres } from '../test/support/postgres-server.ts'
import { makeServerDatabase } from '../test/support/server-database.ts'

/** A new database for a service. */
export interface Storage {
  /** Variables that make the service use it. */
  env: Record<string, string>
  drop(): Promise<void>
}

export const backends = ['embedded', 'PostgreSQL'] as const
export type Backend = (typeof backends)[number]

/** These settings leave PostgreSQL's default durability unchanged. */
const serverSettings = ['shared_buffers=128MB', 'max_connections=100']

/** Uses the server that DATABASE_URL names, or starts a local one. */
export async function startServer(): Promise<PostgresServer> {
  const url = process.env.DATABASE_URL
  return url ? { url, reason: null, stop: async () => {} } : startPostgres(serverSettings)
}

export async function makeStorage(backend: Backend, serverUrl: string | null): Promise<Storage> {
  if (backend === 'embedded') {
    const folder = mkdtempSync(join(tmpdir(), 'krafter-push-bench-'))
    return {
      env: { KRAFTER_DATA_DIR: folder },
      drop: async () => rmSync(folder, { recursive: true, force: true }),
    }
  }
  const { url, drop } = await makeServerDatabase(serverUrl!, 'krafter_bench')
  return { env: { DATABASE_URL: url, KRAFTER_ENCRYPTION_KEY: randomBytes(32).toString('base64') }, drop }
}
