import { type HrTime, type SpanContext, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { type SpanReference, spanIdOf } from './trace-context.ts'
import type { FinishedSpan } from './traces.ts'

const kinds = { internal: SpanKind.INTERNAL, producer: SpanKind.PRODUCER, client: SpanKind.CLIENT }

/** Converts a span to the format of OpenTelemetry's exporters. */
export function toReadableSpan(
  span: FinishedSpan,
  own: SpanReference,
  about: Pick<ReadableSpan, 'resource' | 'instrumentationScope'>,
): ReadableSpan {
  const context = toContext(own)
  const endMs = span.endedAt.getTime()
  return {
    ...about,
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => context,
    ...(span.hasParent && { parentSpanContext: toContext({ ...own, spanId: spanIdOf(span.subjectId) }) }),
    startTime: toHrTime(endMs - span.durationMs),
    endTime: toHrTime(endMs),
    duration: toHrTime(span.durationMs),
    status: span.error ? { code: SpanStatusCode.ERROR, message: span.error } : { code: SpanStatusCode.UNSET },
    attributes: Object.fromEntries(
      Object.entries(span.attributes).filter((entry): entry is [string, string] => entry[1] != null),
    ),
    links: span.causedBy ? [{ context: toContext(span.causedBy) }] : [],
    events: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

function toContext({ traceId, spanId, sampled }: SpanReference): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE }
}

/** Converts milliseconds to seconds and nanoseconds. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000)
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)]
}
