import { CommanderError } from 'commander'
import { ConfigError } from '../platform/config-error.ts'
import { UsageError } from './usage-error.ts'

const failed = 1
/** Shells and most commands use this exit code for incorrect usage. */
const usedWrongly = 2

/**
 * Prints on stderr why a command failed, in one sentence. Incorrect usage also gets a hint.
 *
 * @param help the command that prints the usage
 * @returns the exit code
 */
export function printFailure(error: unknown, help: string): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') return usedWrongly
  }
  const isUsage = error instanceof CommanderError || error instanceof UsageError
  console.error(`krafter-push: ${sentence(error)}`)
  if (isUsage) console.error(`How to use it: ${help}`)
  return isUsage ? usedWrongly : failed
}

/** A configuration error is already one sentence. For other errors, the first line of the message has to do. */
function sentence(error: unknown): string {
  if (error instanceof CommanderError) return error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  if (error instanceof ConfigError) return error.message
  if (process.env.KRAFTER_LOG_LEVEL === 'debug' && error instanceof Error) return String(error.stack)
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}
