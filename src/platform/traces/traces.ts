import type { Clock } from '../clock.ts'
import type { SpanReference } from './trace-context.ts'

/** When a step ended, and how long it took. */
export interface Taken {
  endedAt: Date
  durationMs: number
}

/** @param startedAtMs when the step began, by `performance.now()` */
export function takenSince(clock: Clock, startedAtMs: number): Taken {
  return { endedAt: clock.now(), durationMs: performance.now() - startedAtMs }
}

/** A step that has ended, as a trace shows it. */
export interface FinishedSpan extends Taken {
  name: string
  /** `producer` starts work that another step continues; `client` waits for another system. */
  kind: 'internal' | 'producer' | 'client'
  /** UUID of the trace's subject; the trace id is made from it. */
  subjectId: string
  /** UUID that the span's id is made from; undefined: a random one. The trace's first span uses `subjectId`. */
  id?: string
  /** Whether the span is a child of the trace's first span. */
  hasParent: boolean
  attributes: Record<string, string | number | boolean | null | undefined>
  /** Why the step failed, in words; null or undefined: it succeeded. */
  error?: string | null
  /** A span of another system that caused this one. */
  causedBy?: SpanReference | undefined
}

/** Where spans are sent, and which share of the traces is sampled. */
export interface TracesConfig {
  /** The OTLP/HTTP endpoint, including its path. */
  url: string
  headers: Record<string, string>
  serviceName: string
  /** Share of traces to sample, 0 to 1. The trace id decides, so that all processes agree. */
  ratio: number
}
