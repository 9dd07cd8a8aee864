import { type LogFn, type Logger, type LoggerOptions, pino } from 'pino'
import { isUnavailable } from './db/database-errors.ts'

/**
 * Logs one JSON line per unit of work to stdout. `error` means that a person should look: a healthy install logs none.
 * Secrets are never logged: callers log ids, counts and milliseconds, and headers that could carry a key are redacted.
 */
export function createLogger(level: string, destination?: { write(line: string): void }): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['req.headers.authorization', 'headers.authorization'], censor: '[redacted]' },
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { logMethod: logOutagesOnce },
  } satisfies LoggerOptions
  return destination ? pino(options, destination) : pino(options)
}

/**
 * During a database outage, work fails for the same reason many times a second. The owner of the connections logs the
 * outage (`database.unavailable`); the failures that it causes are logged at level `debug` only.
 */
function logOutagesOnce(this: Logger, args: Parameters<LogFn>, method: LogFn, level: number): void {
  const [bindings] = args as [unknown]
  const isOutage = isUnavailable((bindings as { err?: unknown } | null)?.err)
  if (isOutage && level > pino.levels.values.debug!) this.debug(...args)
  else method.apply(this, args)
}
