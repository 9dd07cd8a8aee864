import { randomUUID } from 'node:crypto'
import {
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
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
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'
import { withDeadline } from '../deadline.ts'
import { onceIn } from '../once-in.ts'
import { type SpanReference, spanIdOf, toTraceparent, traceIdOf } from './trace-context.ts'
import type { FinishedSpan, TracesConfig } from './traces.ts'

/** Maximum number of spans that wait for export, about 2 KB each. Further spans are dropped. */
export const maxWaiting = 8_192
const exportEveryMs = 500
const exportTimeoutMs = 10_000
const closeTimeoutMs = 5_000
const warnEveryMs = 60_000
const kinds = { internal: SpanKind.INTERNAL, producer: SpanKind.PRODUCER, client: SpanKind.CLIENT }

/**
 * Sends spans by OTLP over HTTP, in batches in the background. Spans are created when they end, so that no state is
 * passed between steps. This module is only loaded when traces are enabled.
 */
export function openTraces(
  { url, headers, serviceName, ratio }: TracesConfig,
  { log, version }: { log: Logger; version: string },
) {
  const sampler = new TraceIdRatioBasedSampler(ratio)
  const isSampled = (traceId: string) =>
    sampler.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED
  const mayWarn = { failed: onceIn(warnEveryMs), dropped: onceIn(warnEveryMs) }
  let waiting = 0
  let dropped = 0
  let isClosed = false

  const exporter = watched(new OTLPTraceExporter({ url, headers }), {
    taken(spans) {
      waiting -= spans
    },
    failed(err, spans) {
      if (mayWarn.failed()) log.warn({ err, spans }, 'traces.export_failed')
    },
  })
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: maxWaiting,
    scheduledDelayMillis: exportEveryMs,
    exportTimeoutMillis: exportTimeoutMs,
  })
  const own = {
    'service.name': serviceName,
    'service.version': version,
    'service.instance.id': randomUUID(),
  }
  /** The ids of the span that starts next. */
  let ids = { traceId: '', spanId: '' }
  const provider = new TracerProvider({
    sampler,
    resource: defaultResource()
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector] }))
      .merge(resourceFromAttributes(own)),
    idGenerator: { generateTraceId: () => ids.traceId, generateSpanId: () => ids.spanId },
    spanProcessors: [processor],
  })
  const tracer = provider.getTracer('krafter-push', version)
  const drop = () => {
    dropped += 1
    if (!mayWarn.dropped()) return
    log.warn({ spans: dropped }, 'traces.dropped')
    dropped = 0
  }

  return {
    /** Queues a span for export. Spans of traces that are not sampled are dropped. */
    record(span: FinishedSpan) {
      const traceId = traceIdOf(span.subjectId)
      if (isClosed || !isSampled(traceId)) return
      if (waiting >= maxWaiting) return drop()
      waiting += 1
      ids = { traceId, spanId: spanIdOf(span.id ?? randomUUID()) }
      const first = toContext({ traceId, spanId: spanIdOf(span.subjectId), sampled: true })
      const started = tracer.startSpan(
        span.name,
        {
          kind: kinds[span.kind],
          startTime: span.endedAt.getTime() - span.durationMs,
          attributes: Object.fromEntries(
            Object.entries(span.attributes).filter((entry): entry is [string, string] => entry[1] != null),
          ),
          links: span.causedBy ? [{ context: toContext(span.causedBy) }] : [],
        },
        span.hasParent ? trace.setSpanContext(ROOT_CONTEXT, first) : ROOT_CONTEXT,
      )
      if (span.error) started.setStatus({ code: SpanStatusCode.ERROR, message: span.error })
      started.end(span.endedAt)
    },
    /** @returns the `traceparent` header of a request that is sent in the span with `id` (a UUID) */
    traceparent(subjectId: string, id: string): string {
      const traceId = traceIdOf(subjectId)
      return toTraceparent({ traceId, spanId: spanIdOf(id), sampled: isSampled(traceId) })
    },
    /** Exports the remaining spans, within some seconds. */
    async close() {
      isClosed = true
      // A failed export has already been logged, and must not delay the shutdown.
      await withDeadline(provider.shutdown(), closeTimeoutMs).catch(() => {})
    },
  }
}

/** Records and exports spans. */
export type Traces = ReturnType<typeof openTraces>

function toContext({ traceId, spanId, sampled }: SpanReference): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE }
}

/** Reports failed exports, which the library does not. */
function watched(
  exporter: SpanExporter,
  told: { taken(spans: number): void; failed(error: Error, spans: number): void },
): SpanExporter {
  return {
    export(spans, done) {
      told.taken(spans.length)
      exporter.export(spans, (result) => {
        if (result.error) told.failed(result.error, spans.length)
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}
