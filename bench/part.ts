import type { Stage } from './stage.ts'
import type { Backend } from './storage.ts'
import type { Table } from './table.ts'

/** Measured in the same run, for ratios. A second each. */
export interface Baselines {
  rawHttp2: number
  rawHttp1: number
  webPush: number
}

/** What a part measures on. */
export interface PartInput {
  stage: Stage
  backend: Backend
  table: Table
  baselines: Baselines
}
