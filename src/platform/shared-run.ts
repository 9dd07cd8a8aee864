/** Wraps `work` so that calls during a run wait for that run instead of starting another. */
export function sharedRun<Given extends unknown[], Result>(
  work: (...given: Given) => Promise<Result>,
): (...given: Given) => Promise<Result> {
  let running: Promise<Result> | undefined
  return (...given) => {
    running ??= work(...given).finally(() => {
      running = undefined
    })
    return running
  }
}
