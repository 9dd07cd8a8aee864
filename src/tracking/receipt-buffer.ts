import type { Deps } from '../deps.ts'
import { createGroupCommit } from '../engine/group-commit.ts'
import { recordReceipts } from './record-receipts.ts'
import type { Report } from './report.ts'

const maxGroup = 1_000
/** Reports that may wait: some seconds of work. */
const maxWaiting = 20_000

/**
 * Buffers reports on their way to the database. Devices report in bursts, thousands in a second, all about one
 * notification. With a transaction for each report, all would queue for the notification's row. One transaction runs at
 * a time; meanwhile reports gather for the next.
 *
 * @returns `add` resolves once the report is recorded; @throws 429 when more wait than could be recorded soon
 */
export function createReceiptBuffer(deps: Pick<Deps, 'db' | 'clock' | 'config' | 'log' | 'metrics'>) {
  return createGroupCommit<Report, void>({
    maxGroup,
    maxWaiting,
    groupsAtOnce: 1,
    async commit(reports) {
      const counted = await recordReceipts(deps, reports)
      deps.metrics.receipts.inc({ kind: 'delivered' }, counted.delivered)
      deps.metrics.receipts.inc({ kind: 'clicked' }, counted.clicked)
      deps.log.debug({ reports: reports.length, ...counted }, 'receipts.recorded')
      return reports.map(() => undefined)
    },
  })
}
