import pg from 'pg'
import type { ConnectionLimits } from './connection-limits.ts'

/** Opens a connection outside of every pool, for what must not wait for one. */
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
  // Whoever uses it hears of it from the statement that fails.
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    endQuickly(client)
    throw error
  }
}

/** Runs `use` with a connection of its own, and closes it. */
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

/** Says goodbye, and does not wait for what may never come. */
export function endQuickly(client: pg.Client): void {
  client.end().catch(() => {})
  const { stream } = (client as unknown as { connection: { stream: { destroySoon(): void } } }).connection
  stream.destroySoon()
}
