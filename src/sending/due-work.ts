import { orUndefined } from '../platform/or-undefined.ts'
import type { Named } from '../subscribers/audience-store.ts'
import type { DueBatch, DueNotification } from './due-store.ts'
import { type Page, pageKey } from './page.ts'
import { retriedAudience } from './read-page.ts'

/** Work read from a lane, with its page's key. */
export type Due = { key: string; rank: number; dueAt: Date; what: DueNotification | DueBatch }

export function keyOf(what: DueNotification | DueBatch): string {
  return pageKey({ id: what.id, number: 'number' in what ? what.number : null })
}

/** @returns undefined when the audience is not a list of subscribers or users */
export function toNamed(what: DueNotification | DueBatch): Named | undefined {
  const { appId } = what
  if ('number' in what) {
    const { subscriberIds } = what
    // With targeting that this version cannot read, its page fails alone, when it is read.
    return subscriberIds ? orUndefined(() => retriedAudience(what, subscriberIds)) : undefined
  }
  const { type, ids } = (what.targeting ?? {}) as { type?: string; ids?: string[] }
  return type === 'user_ids' && Array.isArray(ids) && ids.every(isStorable)
    ? { appId, userIds: ids }
    : undefined
}

/** Whether PostgreSQL can read the text: the statement that reads many audiences must not fail because of one. */
function isStorable(id: unknown): boolean {
  return typeof id === 'string' && id.isWellFormed() && !id.includes('\0')
}

/** @param members the subscribers that the page is sent to */
export function toPage(what: DueNotification | DueBatch, members: Page['members']): Page {
  if (!('number' in what)) return { ...what, number: null, attempt: 1, expected: null, members }
  return { ...what, expected: what.subscriberCount, members }
}
