import pg from 'pg'
import type { ConnectionLimits } from './connection-limits.ts'

/** Opens a connection outside of every pool, for work that must not wait for a pool. */
export async function connectAlone(
  connectionString: string,
  limits: Pick<ConnectionLimits, 'connectTimeoutMs' | 'keepAliveDelayMs'>,
  queryMs: number,
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString,
    application_name: 'krafter-push',
    connectionTimeoutMillis: limits.connectTimeoutMs,
    query_timeout: queryMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: limits.keepAliveDelayMs,
  })
  // The caller gets the error from the statement that fails.
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    endQuickly(client)
    throw error
  }
}

/** Runs `use` with a separate connection, and closes it. */
export async function withConnection<Result>(
  connectionString: string,
  limits: Pick<ConnectionLimits, 'connectTimeoutMs' | 'keepAliveDelayMs'>,
  queryMs: number,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = await connectAlone(connectionString, limits, queryMs)
  try {
    return await use(client)
  } finally {
    endQuickly(client)
  }
}

/** Sends the termination message and closes the socket, without waiting for the server, which may never answer. */
export function endQuickly(client: pg.Client): void {
  client.end().catch(() => {})
  const { stream } = (client as unknown as { connection: { stream: { destroySoon(): void } } }).connection
  stream.destroySoon()
}
