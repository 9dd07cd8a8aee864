/** Describes a network error in a few words. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  if (error.name === 'TimeoutError' || code?.startsWith('UND_ERR_HEADERS_TIMEOUT')) return 'no answer in time'
  return error.message.split('\n')[0] || code || error.name
}
