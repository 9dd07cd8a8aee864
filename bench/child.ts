import { type ForkOptions, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { frugalStart } from '../src/platform/heap.ts'

type Functions = Record<string, (...given: never[]) => unknown>
interface Call {
  id: number
  name: string
  given: unknown[]
}
type Answer = { id: number; result: unknown } | { id: number; error: string }

/** The functions of a module that runs in its own process. */
export type Child<Api extends Functions> = {
  [Name in keyof Api]: (...given: Parameters<Api[Name]>) => Promise<Awaited<ReturnType<Api[Name]>>>
} & { end(): Promise<void> }

/**
 * Runs a module of this folder in a fresh process, so that its memory and warm-up are measured separately.
 *
 * @param name the file's name without `.ts`; the module calls {@link serveParent}
 * @param path the module's path, if it is built elsewhere
 */
export function startChild<Api extends Functions>(
  name: string,
  path = join(import.meta.dirname, `${name}.ts`),
): Child<Api> {
  const child = fork(path, childSettings(name))
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let asked = 0
  child.on('message', (answer: Answer) => {
    const { resolve, reject } = waiting.get(answer.id)!
    waiting.delete(answer.id)
    if ('error' in answer) reject(new Error(`${name}: ${answer.error}`))
    else resolve(answer.result)
  })
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${name} ended with code ${code}`))
  })
  const call = (called: string) =>
    function ask(...given: unknown[]) {
      asked += 1
      const answer = Promise.withResolvers<unknown>()
      waiting.set(asked, answer)
      child.send({ id: asked, name: called, given } satisfies Call)
      return answer.promise
    }
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.disconnect()
    await ended
  }
  const get = (_: object, called: string) => {
    // If the proxy had a `then`, `await` would treat it as a promise.
    if (called === 'then') return undefined
    return called === 'end' ? end : call(called)
  }
  return new Proxy({}, { get: get as ProxyHandler<object>['get'] & {} }) as Child<Api>
}

/**
 * The service is started as by the command line. `BENCH_PROFILE=service` writes a CPU profile of each process of that
 * module, into the current folder.
 */
function childSettings(name: string): ForkOptions {
  const profile = process.env.BENCH_PROFILE === name ? ['--cpu-prof'] : []
  if (name !== 'service') return { execArgv: profile }
  return { execArgv: [...frugalStart.args, ...profile], env: { ...frugalStart.env, ...process.env } }
}

/** The child's side of {@link startChild}. The child exits when its parent does. */
export function serveParent(api: Functions): void {
  process.once('disconnect', () => process.exit())
  process.on('message', async ({ id, name, given }: Call) => {
    try {
      const result = await (api[name] as (...given: unknown[]) => unknown)(...given)
      process.send!({ id, result } satisfies Answer)
    } catch (error) {
      process.send!({ id, error: (error as Error).stack ?? String(error) } satisfies Answer)
    }
  })
}
