import { setTimeout as sleep } from 'node:timers/promises'
import type { Webhook } from './webhook-reader-store.ts'

/** For how long after a read the events of a webhook with `ordered: true` may start one after the other. */
export const maxRunMs = 100

/** Timers may end a millisecond early. */
const marginMs = 5

/**
 * Waits until no attempt of a webhook can start by what was read before a change of it, which has been committed.
 * Announcements end a run within milliseconds, but a change that is answered holds from the very next attempt on.
 */
export async function outlastRun({ ordered }: Pick<Webhook, 'ordered'>): Promise<void> {
  if (ordered === 'all') await sleep(maxRunMs + marginMs)
}
