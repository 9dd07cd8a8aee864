import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import { commitHalving } from '../../engine/group-commit.ts'
import { isRowError } from '../../platform/db/database-errors.ts'
import { type RecordedDelivery, type Result, recordResults } from './record-results.ts'

type BufferDeps = Pick<Deps, 'db' | 'queue' | 'clock' | 'random' | 'config' | 'log'>

/** A transaction costs about as much as 40 rows, so results wait a few milliseconds to share one. */
const flushAt = 100
const flushAfterMs = 12
const maxPerFlush = 256
/** Tries per group while the database is unavailable. Deliveries not recorded after that are attempted again. */
const maxTries = 10
const firstPauseMs = 250
const maxPauseMs = 4_000

/**
 * Collects results and records many in one transaction. One transaction runs at a time; meanwhile the next group fills.
 * A result that the database refuses does not affect the others. When the database is unavailable, the group is
 * retried.
 *
 * @param onRecorded called after each flush with its deliveries, whether recorded or given up
 */
export function createResultBuffer(
  deps: BufferDeps,
  onRecorded: (deliveries: readonly RecordedDelivery[]) => void,
) {
  let waiting: Result[] = []
  let running: Promise<void> | undefined

  const flushAll = async () => {
    while (waiting.length > 0) {
      if (waiting.length < flushAt) await sleep(flushAfterMs)
      const batch = waiting.slice(0, maxPerFlush)
      waiting = waiting.slice(maxPerFlush)
      const recorded = await commitHalving(batch, (part) => recordPatiently(deps, part))
      const givenUpUntilMs = deps.clock.now().getTime() + givenUpPauseMs
      onRecorded(
        recorded.map((one, index) => (one instanceof Error ? toGivenUp(batch[index]!, givenUpUntilMs) : one)),
      )
    }
    running = undefined
  }
  return {
    add(result: Result) {
      waiting.push(result)
      running ??= flushAll()
    },
    /** Resolves once everything added so far is recorded (or given up, see below). */
    async drain() {
      while (running) await running
    },
  }
}

/** Results that wait to be written to the database. */
export type ResultBuffer = ReturnType<typeof createResultBuffer>

/** @throws the last error, when the results could not be recorded */
async function recordPatiently(deps: BufferDeps, batch: readonly Result[]): Promise<RecordedDelivery[]> {
  for (let tries = 1; ; tries++) {
    try {
      const { deliveries, lapsed, disabled } = await recordResults(deps, batch)
      if (lapsed > 0) deps.log.warn({ lapsed }, 'delivery.attempts_lapsed')
      for (const { appId, webhookId, reason, failureCount } of disabled) {
        // The URL is not logged, because it may contain a secret.
        deps.log.warn({ appId, webhookId, reason, failureCount }, 'webhook.disabled')
      }
      return deliveries
    } catch (error) {
      const deliveryId = batch[0]!.delivery.id
      deps.log.error({ err: error, results: batch.length, deliveryId, tries }, 'delivery.record_failed')
      if (tries === maxTries || isRowError(error)) throw error
      await sleep(Math.min(maxPauseMs, firstPauseMs * 2 ** tries))
    }
  }
}

/** The attempt is not recorded, so the delivery is attempted again, after a pause. */
function toGivenUp({ delivery: { webhookId, id } }: Result, dueAgainAtMs: number): RecordedDelivery {
  return { webhookId, id, dueAgainAtMs, isGivenUp: true }
}

const givenUpPauseMs = 60_000
