import type pg from 'pg'

/**
 * Whether connections go through a pooler in transaction mode. There, open connections share the server's sessions, so
 * settings and LISTEN do not stay with a connection.
 *
 * @param one an open, idle connection
 * @param openAnother opens a second connection, and closes it after use
 */
export async function isTransactionPooled(
  one: pg.Client,
  openAnother: <Result>(use: (client: pg.Client) => Promise<Result>) => Promise<Result>,
): Promise<boolean> {
  const first = await sessionOf(one)
  // A server reports its process id, for cancelling statements; a pooler reports an invented number instead.
  if ((one as unknown as { processID: number }).processID === first) return false
  return openAnother(async (other) => {
    const second = await sessionOf(other)
    return second === first || (await sessionOf(one)) !== first
  })
}

async function sessionOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]!.pid
}
