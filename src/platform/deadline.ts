/**
 * Waits for `work`, `timeoutMs` at most. The work itself goes on: what it answers later is dropped.
 *
 * @throws the work's own error, or one that says that the time is up
 */
export async function withDeadline<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
