import { expect, test } from 'vitest'
import { startCollector } from '../../../test/support/otlp.ts'
import { newId } from '../ids.ts'
import { createLogger } from '../log.ts'
import { maxWaiting, openTraces } from './open-traces.ts'
import { parseTraceparent, traceIdOf } from './trace-context.ts'

const open = (url: string, ratio: number, logs: Record<string, unknown>[] = []) => {
  const log = createLogger('debug', { write: (line) => logs.push(JSON.parse(line)) })
  return openTraces({ url, headers: {}, serviceName: 'test', ratio }, { log, version: '0' })
}
const span = (subjectId: string) => ({
  name: 'step',
  kind: 'internal' as const,
  subjectId,
  hasParent: false,
  endedAt: new Date(),
  durationMs: 1.5,
  attributes: {},
})

test('every process samples the same traces, as many as it was asked for', async () => {
  const collector = await startCollector()
  const [some, others] = [open(`${collector.url}/v1/traces`, 0.25), open(`${collector.url}/v1/traces`, 0.25)]
  const ids = Array.from({ length: 1_000 }, newId)
  for (const id of ids) some.record(span(id))
  const sampled = ids.filter((id) => parseTraceparent(others.traceparent(id, id))!.sampled)
  expect(sampled.length).toBeGreaterThan(150)
  expect(sampled.length).toBeLessThan(350)
  await some.close()
  expect(ids.filter((id) => collector.spansOf(traceIdOf(id)).length === 1)).toEqual(sampled)
  await others.close()
  await collector.stop()
})

test('spans beyond what may wait are dropped, and the log says how many', async () => {
  const collector = await startCollector()
  collector.answer = () => {}
  const logs: Record<string, unknown>[] = []
  const traces = open(`${collector.url}/v1/traces`, 1, logs)
  const ids = Array.from({ length: maxWaiting + 2_000 }, newId)
  for (const id of ids) traces.record(span(id))
  expect(logs).toMatchObject([{ level: 'warn', msg: 'traces.dropped', spans: 1 }])
  collector.answer = (_, response) => void response.writeHead(200).end('{}')
  await traces.close()
  await collector.stop()
})

test('a collector that is away is told of once, and costs nothing else', async () => {
  const collector = await startCollector()
  collector.answer = (_, response) => void response.writeHead(400).end('{}')
  const logs: Record<string, unknown>[] = []
  const traces = open(`${collector.url}/v1/traces`, 1, logs)
  for (let n = 0; n < 1_000; n++) traces.record(span(newId()))
  await traces.close()
  traces.record(span(newId()))
  expect(logs.map(({ level, msg }) => [level, msg])).toEqual([['warn', 'traces.export_failed']])
  await collector.stop()
})
