import { randomUUID } from 'node:crypto'
import { ROOT_CONTEXT } from '@opentelemetry/api'
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
} from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'
import { withDeadline } from '../deadline.ts'
import { toReadableSpan } from './readable-span.ts'
import { spanIdOf, toTraceparent, traceIdOf } from './trace-context.ts'
import type { Traces, TracesConfig } from './traces.ts'

/** Maximum number of spans that wait for export, about 2 KB each. Further spans are dropped. */
export const maxWaiting = 8_192
const exportEveryMs = 500
const exportTimeoutMs = 10_000
const closeTimeoutMs = 5_000
const warnEveryMs = 60_000

/**
 * Sends spans by OTLP over HTTP, in batches in the background. Spans are created when they end, so that no state is
 * passed between steps. This module is only loaded when traces are enabled.
 */
export function openTraces(
  { url, headers, serviceName, ratio }: TracesConfig,
  { log, version }: { log: Logger; version: string },
): Traces {
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
  const about = {
    resource: defaultResource()
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector] }))
      .merge(resourceFromAttributes(own)),
    instrumentationScope: { name: 'krafter-push', version },
  }
  const drop = () => {
    dropped += 1
    if (!mayWarn.dropped()) return
    log.warn({ spans: dropped }, 'traces.dropped')
    dropped = 0
  }

  return {
    record(span) {
      const traceId = traceIdOf(span.subjectId)
      if (isClosed || !isSampled(traceId)) return
      if (waiting >= maxWaiting) return drop()
      waiting += 1
      const spanId = spanIdOf(span.id ?? randomUUID())
      processor.onEnd(toReadableSpan(span, { traceId, spanId, sampled: true }, about))
    },
    traceparent(subjectId, id) {
      const traceId = traceIdOf(subjectId)
      return toTraceparent({ traceId, spanId: spanIdOf(id), sampled: isSampled(traceId) })
    },
    async close() {
      isClosed = true
      // A failed export has already been logged, and must not delay the shutdown.
      await withDeadline(processor.shutdown(), closeTimeoutMs).catch(() => {})
    },
  }
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

function onceIn(ms: number): () => boolean {
  let lastAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const now = performance.now()
    if (now - lastAtMs < ms) return false
    lastAtMs = now
    return true
  }
}
