import { randomUUID } from 'node:crypto'
import {
  type HrTime,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  type ReadableSpan,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'
import { withDeadline } from '../deadline.ts'
import { spanIdOf, toTraceparent, traceIdOf } from './trace-context.ts'
import type { FinishedSpan, Traces, TracesConfig } from './traces.ts'

const kinds = { internal: SpanKind.INTERNAL, producer: SpanKind.PRODUCER, client: SpanKind.CLIENT }
/** Spans that wait for export, some 2 KB each; those beyond are dropped. */
const maxQueueSize = 8_192
const exportEveryMs = 500
const exportTimeoutMs = 10_000
const closeTimeoutMs = 5_000
const warnEveryMs = 60_000

/**
 * Sends spans by OTLP over HTTP, in batches beside the work. Spans are made when they have ended: nothing has to be
 * carried from one step to the next. Loaded only where traces are wanted.
 */
export function openTraces(
  { url, headers, serviceName, ratio }: TracesConfig,
  { log, version }: { log: Logger; version: string },
): Traces {
  const sampler = new TraceIdRatioBasedSampler(ratio)
  const isSampled = (traceId: string) =>
    sampler.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED
  const exporter = reportingFailures(new OTLPTraceExporter({ url, headers }), log)
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize,
    scheduledDelayMillis: exportEveryMs,
    exportTimeoutMillis: exportTimeoutMs,
  })
  const resource = defaultResource()
    .merge(detectResources({ detectors: [resourceAttributesEnvDetector] }))
    .merge(resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }))
  const scope = { name: 'krafter-push', version }

  const toReadable = (span: FinishedSpan, context: SpanContext): ReadableSpan => {
    const endMs = span.endedAt.getTime()
    const parent = { ...context, spanId: spanIdOf(span.subjectId), isRemote: true }
    const links = span.causedBy ? [{ context: toContext(span.causedBy) }] : []
    return {
      name: span.name,
      kind: kinds[span.kind],
      spanContext: () => context,
      ...(span.hasParent && { parentSpanContext: parent }),
      startTime: toHrTime(endMs - span.durationMs),
      endTime: toHrTime(endMs),
      duration: toHrTime(span.durationMs),
      status: span.error
        ? { code: SpanStatusCode.ERROR, message: span.error }
        : { code: SpanStatusCode.UNSET },
      attributes: Object.fromEntries(
        Object.entries(span.attributes).filter((entry): entry is [string, string] => entry[1] != null),
      ),
      links,
      events: [],
      ended: true,
      resource,
      instrumentationScope: scope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    }
  }

  return {
    record(span) {
      const traceId = traceIdOf(span.subjectId)
      if (!isSampled(traceId)) return
      const spanId = spanIdOf(span.id ?? randomUUID())
      processor.onEnd(toReadable(span, { traceId, spanId, traceFlags: TraceFlags.SAMPLED }))
    },
    traceparent(subjectId, id) {
      const traceId = traceIdOf(subjectId)
      return toTraceparent({ traceId, spanId: spanIdOf(id), sampled: isSampled(traceId) })
    },
    async close() {
      // What cannot be exported has been logged, and is no reason to stop later.
      await withDeadline(processor.shutdown(), closeTimeoutMs).catch(() => {})
    },
  }
}

/** The library tells nobody. */
function reportingFailures(exporter: SpanExporter, log: Logger): SpanExporter {
  let warnedAtMs = Number.NEGATIVE_INFINITY
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.error && performance.now() - warnedAtMs >= warnEveryMs) {
          warnedAtMs = performance.now()
          log.warn({ err: result.error, spans: spans.length }, 'traces.export_failed')
        }
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

function toContext({ traceId, spanId, sampled }: NonNullable<FinishedSpan['causedBy']>): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true }
}

/** Seconds and nanoseconds. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000)
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)]
}
