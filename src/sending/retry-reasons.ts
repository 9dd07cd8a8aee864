import type { Outcome } from '../channels/outcome.ts'
import { getOrInsert } from '../platform/get-or-insert.ts'

/** Why pushes of a batch are retried: one entry per status, or per kind of failure without an answer. */
export interface RetryReason {
  /** The push service's HTTP status; null when it gave none. */
  status: number | null
  /** The error of the first push with this reason. */
  error: string
  count: number
}

/** Maximum reasons reported, the most frequent first. */
const maxReasons = 5

/** @param retried the subscribers that are retried */
export function retryReasons(
  outcomes: readonly { subscriberId: string; outcome: Outcome }[],
  retried: ReadonlySet<string>,
): RetryReason[] {
  const reasons = new Map<string, RetryReason>()
  for (const { subscriberId, outcome } of outcomes) {
    if (outcome.kind !== 'retry' || !retried.has(subscriberId)) continue
    const { status, error } = outcome
    // Without a status, the error begins with its kind: `timeout: …`. The rest differs from push to push.
    const key = String(status ?? error.split(':')[0])
    getOrInsert(reasons, key, () => ({ status, error, count: 0 })).count += 1
  }
  return [...reasons.values()].sort((a, b) => b.count - a.count).slice(0, maxReasons)
}

/** Describes the retries for people; null when nothing is retried. */
export function describeRetries(reasons: readonly RetryReason[]): string | null {
  const [first] = reasons
  if (!first) return null
  const count = reasons.reduce((sum, reason) => sum + reason.count, 0)
  const others = reasons.slice(1).map((reason) => `; ${reason.error} (${reason.count})`)
  const are = count === 1 ? '1 push is' : `${count} pushes are`
  const ofThem = others.length > 0 ? ` (${first.count})` : ''
  return `${are} being retried: ${first.error}${ofThem}${others.join('')}`
}
