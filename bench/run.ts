import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../test/support/postgres-server.ts'
import { makeServerDatabase } from '../test/support/server-database.ts'
import { startBadPeer } from './bad-peer.ts'
import { measure } from './child.ts'
import type { DeliveriesInput, DeliveriesResult } from './deliveries.ts'
import type { IsolationResult } from './isolation.ts'
import type { Audiences } from './make-audiences.ts'
import { startPeer } from './peer.ts'
import type { PushesResult } from './pushes.ts'
import type { WebPushInput } from './web-push-loop.ts'

/** `npm run bench`: prints ratios against baselines of the same run, on the embedded database and on PostgreSQL. */

const deliveries = Number(process.env.BENCH_DELIVERIES ?? 20_000)
const subscribers = Number(process.env.BENCH_SUBSCRIBERS ?? 100_000)
const isolationEvents = 1_000
const baselinePushes = 5_000
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

interface Storage {
  name: string
  env: Record<string, string>
  drop(): Promise<void>
}

async function embedded(): Promise<Storage> {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-bench-'))
  const drop = async () => rmSync(folder, { recursive: true, force: true })
  return { name: 'embedded', env: { KRAFTER_DATA_DIR: folder }, drop }
}

/** A database of its own on the server that DATABASE_URL names. */
async function postgres(serverUrl: string): Promise<Storage> {
  const { url, drop } = await makeServerDatabase(serverUrl, 'krafter_bench')
  const env = { DATABASE_URL: url, KRAFTER_ENCRYPTION_KEY: randomBytes(32).toString('base64') }
  return { name: 'PostgreSQL', env, drop }
}

const rate = (perSecond: number) => `${Math.round(perSecond).toLocaleString('en')}/s`
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
const line = (...columns: string[]) =>
  console.log(columns.map((column, i) => column.padEnd(i === 0 ? 44 : 16)).join(''))

async function benchDeliveries(storages: (() => Promise<Storage>)[]): Promise<void> {
  const peer = await startPeer()
  const input = { ca: peer.certificates.ca, origin: peer.origin, deliveries, secret }
  const raw = await measure<DeliveriesResult>('raw-posts', { ...input, env: {} } satisfies DeliveriesInput)
  line(`raw loop of signed POSTs`, rate(raw.result.perSecond), '', megabytes(raw.peakMemory))
  for (const make of storages) {
    const { name, env, drop } = await make()
    const { result, peakMemory } = await measure<DeliveriesResult>('deliveries', { ...input, env })
    const ratio = (result.perSecond / raw.result.perSecond).toFixed(2)
    line(
      `deliveries, created → recorded, ${name}`,
      rate(result.perSecond),
      `${ratio} × raw`,
      megabytes(peakMemory),
    )
    await drop()
  }
  peer.stop()
}

async function benchPushes(storages: (() => Promise<Storage>)[]): Promise<void> {
  const peer = await startPeer()
  const input = { ca: peer.certificates.ca, origin: peer.origin, subscribers }
  const baseline = await measure<PushesResult>('web-push-loop', {
    ...input,
    env: {},
    subscribers: baselinePushes,
  } satisfies WebPushInput)
  line('web-push library, keep-alive', rate(baseline.result.perSecond), '', megabytes(baseline.peakMemory))
  for (const make of storages) {
    const { name, env, drop } = await make()
    const audiences = await measure<Audiences>('make-audiences', { ...input, env })
    const { result, peakMemory } = await measure<PushesResult>('pushes', {
      ...input,
      env,
      ...audiences.result,
    })
    const ratio = (result.perSecond / baseline.result.perSecond).toFixed(2)
    line(
      `pushes, created → sent, ${name}`,
      rate(result.perSecond),
      `${ratio} × web-push`,
      megabytes(peakMemory),
    )
    await drop()
  }
  peer.stop()
}

/** The server that DATABASE_URL names, else one of our own, as durable as PostgreSQL is out of the box. */
async function findServer(): Promise<{ url: string | null; reason: string | null; stop(): Promise<void> }> {
  const url = process.env.DATABASE_URL
  return url ? { url, reason: null, stop: async () => {} } : startPostgres(serverSettings)
}

const serverSettings = ['shared_buffers=128MB', 'max_connections=100']

const isolationPhases = {
  alone: 'a healthy webhook, alone',
  burst: '… during a burst to others',
  badBurst: '… to others that hang, drip and flood',
  bad: '… beside others that hang, drip and flood',
}

/** A webhook's p99 may not suffer from how its neighbours behave. */
async function benchIsolation(storages: (() => Promise<Storage>)[]): Promise<void> {
  const peer = await startPeer()
  const bad = await startBadPeer(peer.certificates)
  line('', 'p50', 'p99')
  for (const make of storages) {
    const { name, env, drop } = await make()
    const input = { ca: peer.certificates.ca, origin: peer.origin, badOrigin: bad.origin }
    const { result } = await measure<IsolationResult>('isolation', { ...input, events: isolationEvents, env })
    for (const [phase, label] of Object.entries(isolationPhases)) {
      const { p50Ms, p99Ms } = result[phase as keyof IsolationResult]
      line(`${label}, ${name}`, `${p50Ms.toFixed(1)} ms`, `${p99Ms.toFixed(1)} ms`)
    }
    await drop()
  }
  bad.stop()
  peer.stop()
}

const server = await findServer()
const storages = server.url ? [embedded, () => postgres(server.url!)] : [embedded]
line('', 'rate', 'ratio', 'peak memory')
await benchDeliveries(storages)
await benchPushes(storages)
await benchIsolation(storages)
if (server.reason) console.log(server.reason)
await server.stop()
