import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What a measurement in a process of its own found, and the most memory that process held. */
export interface Measured<Result> {
  result: Result
  /** Bytes, resident. */
  peakMemory: number
}

/**
 * Runs a module of this folder in a fresh process, so that its memory and its warm-up are its own.
 *
 * @param name the file's name without `.ts`; the module calls {@link answerParent}
 * @param input plain data for it
 * @throws when the process ends without a result
 */
export async function measure<Result>(name: string, input: unknown): Promise<Measured<Result>> {
  const child = fork(join(import.meta.dirname, `${name}.ts`), [JSON.stringify(input)])
  const ended = once(child, 'exit')
  const answer = await Promise.race([
    once(child, 'message').then(([message]) => message as Measured<Result>),
    ended.then(([code]) => {
      throw new Error(`${name} ended with code ${code} and no result`)
    }),
  ])
  await ended
  return answer
}

/** The child's side of {@link measure}. */
export async function answerParent<Input, Result>(run: (input: Input) => Promise<Result>): Promise<void> {
  const result = await run(JSON.parse(process.argv[2]!))
  // Linux and macOS disagree on the unit of maxRSS; Node makes it kilobytes on both.
  const peakMemory = process.resourceUsage().maxRSS * 1_024
  process.send!({ result, peakMemory } satisfies Measured<Result>, () => process.exit(0))
}
