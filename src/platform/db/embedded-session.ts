import type { PGlite } from '@electric-sql/pglite'

/** The status of the exception with which PGlite leaves a failed statement, to continue with the next one. */
const statementFailed = 100

/** Matches lines such as `… UTC [42] PANIC:  could not write to file …` on the database's standard error. */
const lastWords = /\b(?:PANIC|FATAL): +.*/

/**
 * Detects a broken session of an embedded database: PostgreSQL aborted, or its WebAssembly trapped. PGlite would treat
 * this as a failed statement and run the same code again forever, so `onBroken` is called from inside that loop.
 *
 * @returns `onStderr` to open PGlite with, and `watch` to call once it is open
 */
export function watchSession(onBroken: (reason: string) => void): {
  onStderr: (line: string) => boolean
  watch: (database: PGlite) => void
  /** Replaces an error of PGlite with the database's last PANIC or FATAL message, if there is one. */
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
