import type { AudienceMember } from '../subscribers/audience-store.ts'
import type { SentNotification } from './due-store.ts'

/** Recipients of one notification that are sent to together: a small audience, or a batch of a large one. */
export interface Page extends SentNotification {
  /** Of the batch; null: the page is the whole audience, which was never cut. */
  number: number | null
  attempt: number
  /** How many were meant to be in it; null: those who are. */
  expected: number | null
  members: readonly AudienceMember[]
}

/** Tells pages apart. */
export function pageKey({ id, number }: Pick<Page, 'id' | 'number'>): string {
  return `${id} ${number ?? ''}`
}
