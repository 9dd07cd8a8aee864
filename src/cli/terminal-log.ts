import type { Logger } from 'pino'
import { createLogger } from '../platform/log.ts'

/** Logs readable lines at a terminal, in colour unless `NO_COLOR` is set, and JSON elsewhere. */
export async function createTerminalLogger(level: string, stream: NodeJS.WriteStream): Promise<Logger> {
  return stream.isTTY ? createReadableLogger(level, stream) : createLogger(level)
}

/** Loads pino-pretty only when needed: under systemd or in a container it never is. */
export async function createReadableLogger(level: string, stream: NodeJS.WritableStream): Promise<Logger> {
  const { default: pretty } = await import('pino-pretty')
  const readable = pretty({
    destination: stream,
    sync: true,
    singleLine: true,
    colorize: !process.env.NO_COLOR,
    translateTime: 'SYS:HH:MM:ss.l',
  })
  return createLogger(level, readable)
}
