/** @returns what `run` returns; undefined when it throws */
export function orUndefined<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
