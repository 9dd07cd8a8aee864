import type { TestProject } from 'vitest/node'
import { startPostgres } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A server that test databases can be made on, or null and why there is none. */
    postgres: { url: string | null; reason: string | null }
  }
}

/** One PostgreSQL for the whole run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres()
  project.provide('postgres', { url: server.url, reason: server.reason })
  return server.stop
}
