import type { SendingApp } from '../apps/senders.ts'
import type { Deps } from '../deps.ts'
import { rankOfRest } from '../notifications/rank.ts'
import { takenSince } from '../platform/traces/traces.ts'
import { isPostponed } from './advance-notification.ts'
import { keyFindings } from './key-findings.ts'
import { type Page, pageKey } from './page.ts'
import type { PageRecorder } from './page-recorder.ts'
import { reportPage } from './report-page.ts'
import { describeRetries, retryReasons } from './retry-reasons.ts'
import { sendPage } from './send-page.ts'
import { kindOf, type PageKind } from './sending-lane.ts'
import { recordSpan, sendSpan } from './sending-spans.ts'

/**
 * Sends a page of an app and records it.
 *
 * @param signal aborted when the time for the page is up, its app is gone, or the process is about to end
 * @returns the work that the page leaves, and when it is due
 */
export async function sendAndRecord(
  deps: Deps,
  recorder: PageRecorder,
  app: SendingApp,
  page: Page,
  signal: AbortSignal,
): Promise<{ kind: PageKind; delaySeconds: number }[]> {
  const startedAt = performance.now()
  let isCut = false
  const mayStart = () => {
    isCut ||= !deps.lanes.holds(page.appId)
    return !isCut
  }
  const { outcomes, tally } = await sendPage(deps, app, page, signal, mayStart)
  // The lane's next owner sends the page again as a whole. If this process recorded a part, the rest would be sent twice.
  if (isCut && !(await deps.lanes.confirm(page.appId))) {
    deps.log.warn({ appId: page.appId, page: pageKey(page), sent: tally.sent }, 'page.abandoned')
    return []
  }
  deps.traces?.record(sendSpan(page, takenSince(deps.clock, startedAt), tally))
  const keys = keyFindings(outcomes)
  const retried = new Set(tally.retries.flatMap(({ subscriberIds }) => subscriberIds))
  const reasons = retryReasons(outcomes, retried)
  const sentAt = performance.now()
  const recorded = await recorder.record({ page, tally, keys, retryReason: describeRetries(reasons) })
  deps.traces?.record(recordSpan(page, takenSince(deps.clock, sentAt), recorded))
  reportPage(deps, page, outcomes, tally, {
    retryReasons: reasons,
    keyRefusals: keys.refused.length,
    recorded,
    ms: Math.round(performance.now() - startedAt),
  })
  return tally.retries.map(({ subscriberIds, delaySeconds }) => {
    const rank = isPostponed({ page, tally }) ? page.rank : rankOfRest(page.rank, subscriberIds.length)
    return { kind: kindOf(rank), delaySeconds }
  })
}
