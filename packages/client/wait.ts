import type { Notification } from './api-types.ts'
import { NotSentError, TimeoutError } from './errors.ts'
import type { RequestOptions } from './options.ts'
import { sleep } from './retry.ts'

export interface WaitOptions extends Omit<RequestOptions, 'timeoutMs' | 'idempotencyKey'> {
  /** Time limit of the whole wait. Default 900,000: the service stops counting after 10 minutes. */
  timeoutMs?: number
  /** Called each time the notification was read. */
  onProgress?(notification: Notification): void
}

const defaultTimeoutMs = 900_000
const firstWaitMs = 200
const maxWaitMs = 5_000

/**
 * Reads a notification repeatedly until it is sent.
 *
 * @throws NotSentError when it failed, was canceled, or is a draft
 * @throws TimeoutError when it is not sent in time
 */
export async function waitUntilSent(
  read: () => Promise<Notification>,
  { timeoutMs = defaultTimeoutMs, signal, onProgress }: WaitOptions,
): Promise<Notification> {
  const deadline = Date.now() + timeoutMs
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(maxWaitMs, waitMs * 1.5)) {
    const notification = await read()
    onProgress?.(notification)
    const { id, status } = notification
    if (status === 'sent') return notification
    if (status !== 'sending' && status !== 'scheduled') throw new NotSentError(notification)
    const leftMs = deadline - Date.now()
    if (leftMs <= 0) {
      throw new TimeoutError(`notification ${id} is still ${status} after ${timeoutMs} ms`)
    }
    await sleep(Math.min(leftMs, waitMs), signal)
  }
}
