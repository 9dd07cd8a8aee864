import type { Logger } from 'pino'
import type { Channels } from './channels/registry.ts'
import type { Config } from './config/config.ts'
import type { LaneOwnership } from './engine/lane-ownership.ts'
import type { AddressGuard } from './outbound/address-guard.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { Clock } from './platform/clock.ts'
import type { CryptoAtRest } from './platform/crypto-at-rest.ts'
import type { Db, OpenDatabase } from './platform/db/db.ts'
import type { Notices } from './platform/db/notices.ts'
import type { Metrics } from './platform/metrics.ts'
import type { Queue } from './platform/queue.ts'
import type { Traces } from './platform/traces/open-traces.ts'

/** Everything with side effects, created once in app.ts. Functions take only the parts they use (`Pick<Deps, …>`). */
export interface Deps {
  config: Config
  db: Db
  backend: OpenDatabase['backend']
  readState: OpenDatabase['readState']
  silentMs: OpenDatabase['silentMs']
  queue: Queue
  clock: Clock
  /** Returns a number in [0, 1), used to spread work that would otherwise happen all at once. */
  random: () => number
  log: Logger
  crypto: CryptoAtRest
  guard: AddressGuard
  /** For webhook deliveries. */
  outbound: Outbound
  channels: Channels
  metrics: Metrics
  /** Undefined when traces are not configured; then nothing is recorded. */
  traces: Traces | undefined
  /** Aborted once the service is told to stop. It still answers clients that do not know yet. */
  draining: AbortSignal
  /** The lanes that this process may work on. */
  lanes: LaneOwnership
  notices: Notices
  /** The last part of the user-agent, e.g. `0.1.0`. */
  version: string
}
