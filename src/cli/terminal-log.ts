import type { Logger } from 'pino'
import { createLogger } from '../platform/log.ts'

/** Readable lines at a terminal, with colours unless `NO_COLOR` is set; JSON anywhere else. */
export async function createTerminalLogger(level: string, stream: NodeJS.WriteStream): Promise<Logger> {
  return stream.isTTY ? createReadableLogger(level, stream) : createLogger(level)
}

/** Loaded when it is needed: a service under systemd or in a container never is. */
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
