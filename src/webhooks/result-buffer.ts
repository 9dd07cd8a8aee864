import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import { type Result, recordResults } from './record-results.ts'

/** Results on their way to the database. */
export interface ResultBuffer {
  add(result: Result): void
  /** Results not yet recorded. */
  size(): number
  /** Resolves once everything added so far is recorded (or given up, see below). */
  drain(): Promise<void>
}

/** A transaction costs about as much as 40 rows, so results wait a little for company, but not for long. */
const flushAt = 100
const flushAfterMs = 12
const maxPerFlush = 128

/**
 * Collects results and records many in one transaction, one transaction at a time: while one runs, the next fills.
 * When a transaction fails each of its results is tried alone, so that one that cannot be recorded takes no other
 * with it; that one is logged and left: its job's claim lapses and the delivery is made again.
 *
 * @param onRecorded called after each flush with how many results it took out
 */
export function createResultBuffer(
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'random' | 'config' | 'log'>,
  onRecorded: (count: number) => void,
): ResultBuffer {
  let waiting: Result[] = []
  let unrecorded = 0
  let running: Promise<void> | undefined

  const flushAll = async () => {
    while (waiting.length > 0) {
      if (waiting.length < flushAt) await sleep(flushAfterMs)
      const batch = waiting.slice(0, maxPerFlush)
      waiting = waiting.slice(maxPerFlush)
      await recordOrIsolate(deps, batch)
      unrecorded -= batch.length
      onRecorded(batch.length)
    }
    running = undefined
  }
  return {
    add(result) {
      waiting.push(result)
      unrecorded += 1
      running ??= flushAll()
    },
    size: () => unrecorded,
    async drain() {
      while (running) await running
    },
  }
}

async function recordOrIsolate(
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'random' | 'config' | 'log'>,
  batch: readonly Result[],
): Promise<void> {
  try {
    const { lapsed, disabled } = await recordResults(deps, batch)
    for (const { claimed } of batch) claimed.job.unrecorded -= 1
    if (lapsed > 0) deps.log.warn({ lapsed }, 'delivery.claims_lapsed')
    for (const { appId, webhookId, reason, failureCount } of disabled) {
      // Not its url, which may have a secret in it.
      deps.log.warn({ appId, webhookId, reason, failureCount }, 'webhook.disabled')
    }
  } catch (error) {
    deps.log.error(
      { err: error, results: batch.length, deliveryId: batch[0]!.claimed.id },
      'delivery.record_failed',
    )
    if (batch.length === 1) return
    for (const result of batch) await recordOrIsolate(deps, [result])
  }
}
