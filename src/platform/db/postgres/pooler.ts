import type pg from 'pg'

/**
 * Whether a pooler in transaction mode is in between: there, connections that are open at the same time take turns on
 * one session of the server, and what is set or listened for in it does not stay theirs.
 *
 * @param one a connection, open and idle
 * @param openAnother opens another one beside it, and closes it
 */
export async function isTransactionPooled(
  one: pg.Client,
  openAnother: <Result>(use: (client: pg.Client) => Promise<Result>) => Promise<Result>,
): Promise<boolean> {
  const first = await sessionOf(one)
  // A pooler makes up the number that its clients need to cancel a statement; a server tells that of its process.
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
