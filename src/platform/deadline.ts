/**
 * Waits at most `timeoutMs` for `work`. The work itself continues after that, and its late result is dropped.
 *
 * @param missing what the timeout error says is missing
 * @throws the work's own error, or a timeout error
 */
export async function withDeadline<Result>(
  work: Promise<Result>,
  timeoutMs: number,
  missing = 'answer',
): Promise<Result> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no ${missing} within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
