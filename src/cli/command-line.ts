import type { Command } from 'commander'
import { printFailure } from './print-failure.ts'
import { createProgram } from './program.ts'

/**
 * Runs `krafter-push <command>`.
 *
 * @param argv as `process.argv`
 * @returns the exit code: 0; 1 after one sentence on stderr; 2 after a sentence and a hint, for incorrect usage
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const program = createProgram()
  try {
    await program.parseAsync([...argv])
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    const code = printFailure(error, `${findCommand(program, argv.slice(2))} --help`)
    // Handles that the failed command left open must not keep the process running.
    process.exit(code)
  }
}

/** The longest existing command that the words name: `krafter-push keys create`. */
function findCommand(program: Command, words: readonly string[]): string {
  const [word, ...rest] = words.filter((given) => !given.startsWith('-'))
  const child = program.commands.find((command) => command.name() === word)
  return child ? `${program.name()} ${findCommand(child, rest)}` : program.name()
}
