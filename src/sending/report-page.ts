import type { Deps } from '../deps.ts'
import { audienceShift } from './audience-shift.ts'
import type { Page } from './page.ts'
import type { RetryReason } from './retry-reasons.ts'
import type { MemberOutcome } from './send-page.ts'
import { countByReason, type Tally } from './tally.ts'

/** Writes one log line for a page and counts its outcomes. */
export function reportPage(
  deps: Pick<Deps, 'log' | 'metrics'>,
  { appId, id: notificationId, number, attempt, expected, members }: Page,
  outcomes: readonly MemberOutcome[],
  tally: Tally,
  extra: { retryReasons: RetryReason[]; keyRefusals: number; recorded: boolean; ms: number },
): void {
  for (const [platform, ofPlatform] of Map.groupBy(outcomes, (entry) => entry.platform)) {
    for (const [outcome, entries] of Map.groupBy(ofPlatform, (entry) => entry.outcome.kind)) {
      deps.metrics.pushes.inc({ platform, outcome }, entries.length)
    }
  }
  deps.log.info(
    {
      appId,
      notificationId,
      number: number ?? 0,
      attempt,
      sent: tally.sent,
      failed: tally.failed,
      failures: countByReason(tally.failures),
      retries: tally.retries.reduce((sum, retry) => sum + retry.subscriberIds.length, 0),
      firstError: tally.firstError,
      ...audienceShift(expected, members.length),
      ...extra,
    },
    'batch.sent',
  )
}
