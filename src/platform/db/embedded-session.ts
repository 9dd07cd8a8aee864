import type { PGlite } from '@electric-sql/pglite'

/** The status of the exception by which PGlite leaves a statement that failed, to go on with the next one. */
const statementFailed = 100

/** `2026-11-28 00:27:05.846 UTC [42] PANIC:  could not write to file …`, on the database's standard error. */
const lastWords = /\b(?:PANIC|FATAL): +.*/

/**
 * Tells when the session of an embedded database is beyond repair: PostgreSQL aborted, or its WebAssembly trapped. PGlite
 * takes that for one more failed statement and runs the same code again, for ever; so it is told while that happens.
 *
 * @returns what PGlite is to be opened with, and what to do with it once it is open
 */
export function watchSession(onBroken: (reason: string) => void): {
  onStderr: (line: string) => boolean
  watch: (database: PGlite) => void
  /** What the database said last, where an error of PGlite's does not say what became of it. */
  explain: (error: unknown) => unknown
} {
  let words: string | undefined
  const explain = (error: unknown) => (words ? new Error(words, { cause: error }) : error)
  return {
    explain,
    onStderr(line) {
      words = lastWords.exec(line)?.[0] ?? words
      return false
    },
    watch({ Module }) {
      const runOnce = Module._PostgresMainLoopOnce
      Module._PostgresMainLoopOnce = () => {
        try {
          runOnce()
        } catch (error) {
          if ((error as { status?: number }).status !== statementFailed) onBroken(words ?? String(error))
          throw error
        }
      }
    },
  }
}
