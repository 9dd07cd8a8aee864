import { type LocalServer, startLocalServer } from './local-server.ts'

/** A span as it came, as far as tests look at it. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: Record<string, unknown>
  links: { traceId: string; spanId: string }[]
  status: { code?: number; message?: string }
  service: unknown
  instance: unknown
}

/** A collector of traces, as OpenTelemetry's own: OTLP over HTTP, JSON. */
export async function startCollector(): Promise<LocalServer & { spansOf(traceId: string): ReceivedSpan[] }> {
  const server = await startLocalServer()
  server.answer = (_, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  const spans = () =>
    server.requests
      .filter(({ path }) => path === '/v1/traces')
      .flatMap(({ body }) => JSON.parse(body).resourceSpans as Json[])
      .flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap((scope: Json) =>
          scope.spans.map((span: Json) => ({
            ...span,
            attributes: toRecord(span.attributes),
            links: span.links ?? [],
            service: toRecord(resource.attributes)['service.name'],
            instance: toRecord(resource.attributes)['service.instance.id'],
          })),
        ),
      ) as ReceivedSpan[]
  return Object.assign(server, {
    spansOf: (traceId: string) => spans().filter((span) => span.traceId === traceId),
  })
}

// biome-ignore lint/suspicious/noExplicitAny: its form is what tests compare
type Json = any

function toRecord(
  attributes: { key: string; value: Record<string, unknown> }[] = [],
): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
