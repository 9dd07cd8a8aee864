import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import { refusals } from '../platform/errors.ts'
import { recordReceipts } from './record-receipts.ts'
import type { Report } from './report.ts'

/** Reports on their way to the database. */
export interface ReceiptBuffer {
  /**
   * Resolves once the report is recorded.
   *
   * @throws 429 when more wait than could be recorded soon
   */
  add(report: Report): Promise<void>
}

/** Devices report in bursts, thousands in a second, and all of one notification: a transaction each would queue. */
const flushAt = 500
const flushAfterMs = 10
const maxPerFlush = 1_000
/** Some seconds of work. */
const maxWaiting = 20_000

interface Waiting {
  report: Report
  resolve: () => void
  reject: (error: unknown) => void
}

/**
 * Collects the reports that come within some 10 ms and records them in one transaction, one transaction at a time:
 * while one runs, the next fills.
 */
export function createReceiptBuffer(
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'config' | 'log' | 'metrics'>,
): ReceiptBuffer {
  let waiting: Waiting[] = []
  let running = false

  const flushAll = async () => {
    running = true
    while (waiting.length > 0) {
      if (waiting.length < flushAt) await sleep(flushAfterMs)
      const group = waiting.slice(0, maxPerFlush)
      waiting = waiting.slice(maxPerFlush)
      await record(deps, group)
    }
    running = false
  }
  return {
    add(report) {
      if (waiting.length >= maxWaiting) return Promise.reject(refusals.rateLimited(1))
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting.push({ report, resolve, reject })
      if (!running) void flushAll()
      return promise
    },
  }
}

/** Never rejects: whoever reported hears what became of it. */
async function record(deps: Parameters<typeof createReceiptBuffer>[0], group: readonly Waiting[]) {
  try {
    const reports = group.map(({ report }) => report)
    const counted = await recordReceipts(deps, reports)
    deps.metrics.receipts.inc({ kind: 'delivered' }, counted.delivered)
    deps.metrics.receipts.inc({ kind: 'clicked' }, counted.clicked)
    deps.log.debug({ reports: reports.length, ...counted }, 'receipts.recorded')
    for (const { resolve } of group) resolve()
  } catch (error) {
    if (group.length > 1 && isAboutARow(error)) {
      for (const one of group) await record(deps, [one])
    } else {
      for (const { reject } of group) reject(error)
    }
  }
}

/** Data exception or integrity violation (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
function isAboutARow(error: unknown): boolean {
  return /^2[23]/.test((error as { code?: string }).code ?? '')
}
