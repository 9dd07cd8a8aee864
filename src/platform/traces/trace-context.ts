/**
 * Ids of traces. A trace's id is the digits of its subject's UUID, so that processes agree on it without communicating.
 * https://www.w3.org/TR/trace-context/
 */

export interface SpanReference {
  traceId: string
  spanId: string
  sampled: boolean
}

/** @returns 32 hexadecimal digits */
export function traceIdOf(subjectId: string): string {
  return subjectId.replaceAll('-', '')
}

/** The random end of a UUID. @returns 16 hexadecimal digits, never all zero: the first holds the UUID's variant */
export function spanIdOf(id: string): string {
  return traceIdOf(id).slice(16)
}

/** @returns the value of a `traceparent` header */
export function toTraceparent({ traceId, spanId, sampled }: SpanReference): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}

/** @returns undefined when the header is missing or its format is not supported */
export function parseTraceparent(header: string | undefined): SpanReference | undefined {
  const match = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(header ?? '')
  if (!match) return undefined
  const [, traceId = '', spanId = '', flags = ''] = match
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
