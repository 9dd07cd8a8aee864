import { type Logger, pino } from 'pino'

/**
 * One JSON line per unit of work, on stdout. `error` means that a person should look: a healthy install logs none.
 * Secrets never reach it: callers log ids, counts and milliseconds, and headers that could carry a key are cut.
 */
export function createLogger(level: string, destination?: { write(line: string): void }): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['req.headers.authorization', 'headers.authorization'], censor: '[redacted]' },
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return destination ? pino(options, destination) : pino(options)
}
