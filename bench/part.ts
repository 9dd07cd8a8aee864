import type { Stage } from './stage.ts'
import type { Backend } from './storage.ts'
import type { Table } from './table.ts'

/** Baselines in operations per second, measured in the same run so that ratios can be computed. */
export interface Baselines {
  rawHttp2: number
  rawHttp1: number
  webPush: number
}

/** The input of a part. */
export interface PartInput {
  stage: Stage
  backend: Backend
  table: Table
  baselines: Baselines
}
