import type { SpanReference } from './trace-context.ts'

/** How long a step took, and when it ended. */
export interface Taken {
  endedAt: Date
  durationMs: number
}

/** A step that has ended, as a trace shows it. */
export interface FinishedSpan extends Taken {
  name: string
  /** `producer` begins what others go on with; `client` waits for somebody else. */
  kind: 'internal' | 'producer' | 'client'
  /** UUID of what the trace is about. */
  subjectId: string
  /** UUID that the span's id is made of; absent: any. The subject's own for the span that begins the trace. */
  id?: string
  /** Whether another span begins the trace. */
  hasParent: boolean
  attributes: Record<string, string | number | boolean | null | undefined>
  /** Why it failed, in words; null: it did not. */
  error?: string | null
  /** A span of somebody else's that caused this one. */
  causedBy?: SpanReference | undefined
}

/** Where spans go. */
export interface Traces {
  /** Exports a span some time later; one of a trace that is not sampled is dropped. */
  record(span: FinishedSpan): void
  /** @returns the `traceparent` header of a request that the span made of `id` (a UUID) is for */
  traceparent(subjectId: string, id: string): string
  /** Exports what is left, within some seconds. */
  close(): Promise<void>
}

/** Where spans are sent, and of how many traces. */
export interface TracesConfig {
  /** OTLP over HTTP, with its path. */
  url: string
  headers: Record<string, string>
  serviceName: string
  /** 0 to 1: of traces, by their id, so that all processes agree. */
  ratio: number
}
