import type { AudienceMember } from '../subscribers/audience-store.ts'
import type { SentNotification } from './due-store.ts'
import type { KeyFindings } from './key-findings.ts'
import type { Tally } from './tally.ts'

/** Recipients that get one notification together: a small audience, or a batch of a large one. */
export interface Page extends SentNotification {
  /** Number of the batch; null: the page is the whole audience, which was never cut. */
  number: number | null
  attempt: number
  /** Expected number of members; null: as many as there are. */
  expected: number | null
  members: readonly AudienceMember[]
}

/** Identifies a page. */
export function pageKey({ id, number }: Pick<Page, 'id' | 'number'>): string {
  return `${id} ${number ?? ''}`
}

/** A page that was sent. */
export interface SentPage {
  page: Page
  tally: Tally
  keys: KeyFindings
  /** Why pushes are retried, in words. */
  retryReason: string | null
}
