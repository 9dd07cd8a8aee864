import type { FinishedSpan, Taken } from '../platform/traces/traces.ts'
import type { Page } from './page.ts'
import type { Tally } from './tally.ts'

/** The sending steps of a notification's trace. Attributes are ids, counts and our words, never a title or a token. */

type Step = Pick<Page, 'appId' | 'id'>

/** @param batches number of batches into which the audience was cut; null: it was not cut */
export function resolveSpan(
  step: Step,
  taken: Taken,
  subscribers: number,
  batches: number | null,
): FinishedSpan {
  return stepSpan('resolve', 'internal', step, taken, {
    'krafter.subscribers': subscribers,
    'krafter.batches': batches,
  })
}

export function sendSpan(page: Page, taken: Taken, tally: Tally): FinishedSpan {
  const attributes = {
    ...pageAttributes(page),
    'krafter.subscribers': page.members.length,
    'krafter.sent': tally.sent,
    'krafter.failed': tally.failed,
    'krafter.retried': tally.retries.reduce((sum, { subscriberIds }) => sum + subscriberIds.length, 0),
  }
  return { ...stepSpan('send', 'client', page, taken, attributes), error: tally.firstError }
}

/** @param recorded false: the page had been counted before */
export function recordSpan(page: Page, taken: Taken, recorded: boolean): FinishedSpan {
  const attributes = { ...pageAttributes(page), 'krafter.recorded': recorded }
  return stepSpan('record', 'internal', page, taken, attributes)
}

function stepSpan(
  name: string,
  kind: FinishedSpan['kind'],
  { appId, id }: Step,
  taken: Taken,
  attributes: FinishedSpan['attributes'],
): FinishedSpan {
  return {
    name,
    kind,
    subjectId: id,
    hasParent: true,
    ...taken,
    attributes: { 'krafter.app_id': appId, 'krafter.notification_id': id, ...attributes },
  }
}

function pageAttributes({ number, attempt }: Page): FinishedSpan['attributes'] {
  return { 'krafter.batch': number ?? 0, 'krafter.attempt': attempt }
}
