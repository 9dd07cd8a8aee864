import { Worker } from 'node:worker_threads'
import pg from 'pg'
import { vi } from 'vitest'

/**
 * Records the text of every statement that this process sends to a database, `begin` and its like included, in their
 * order; those by which connections are looked after are left out.
 *
 * @returns what was recorded since it was asked last
 */
export function recordStatements(): { take(): string[]; stop(): void } {
  let recorded: string[] = []
  const record = (text: string) => {
    if (!/^(set |listen |select$)/i.test(text)) recorded.push(text)
  }
  const { query } = pg.Client.prototype
  const ofPostgres = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...given: unknown[]
  ) {
    const [statement] = given as [string | { text: string }]
    record(typeof statement === 'string' ? statement : statement.text)
    return (query as (...given: unknown[]) => unknown).apply(this, given)
  } as never)
  const { postMessage } = Worker.prototype
  const ofEmbedded = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (
    this: Worker,
    work: { kind?: string; sql?: string; statement?: { sql: string }; how?: string },
  ) {
    if (work.kind === 'begin') record('begin')
    const text = work.how ?? work.statement?.sql ?? work.sql
    if (text !== undefined) record(text)
    return postMessage.call(this, work)
  } as never)
  return {
    take() {
      const taken = recorded
      recorded = []
      return taken
    },
    stop() {
      ofPostgres.mockRestore()
      ofEmbedded.mockRestore()
    },
  }
}
