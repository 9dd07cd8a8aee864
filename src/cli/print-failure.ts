import { CommanderError } from 'commander'
import { ConfigError } from '../platform/config-error.ts'
import { UsageError } from './usage-error.ts'

const failed = 1
/** As shells and most commands have it. */
const usedWrongly = 2

/**
 * Says in one sentence on stderr why a command failed, for a mistake in the command line with a hint.
 *
 * @param help the command that shows how to use it right
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

/** A configuration error is a sentence already; of anything else the message is what can be said in one. */
function sentence(error: unknown): string {
  if (error instanceof CommanderError) return error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  if (error instanceof ConfigError) return error.message
  if (process.env.KRAFTER_LOG_LEVEL === 'debug' && error instanceof Error) return String(error.stack)
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}
