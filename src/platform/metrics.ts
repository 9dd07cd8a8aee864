import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What `/metrics` shows (Prometheus text format). Labels are bounded: never an id, never a URL. */
export interface Metrics {
  registry: Registry
  /** What brings metrics up to date before they are shown. */
  readers: (() => Promise<void>)[]
  /** Attempts made, by `outcome` (`succeeded`, or the attempt's error word). */
  attempts: Counter<'outcome'>
  attemptSeconds: Histogram
  /** Pushes by `platform` and `outcome` (`sent`, `gone`, `retry`, `rejected`). */
  pushes: Counter<'platform' | 'outcome'>
  /** Notifications whose fan-out completed, by `status` (`sent`, `failed`). */
  notifications: Counter<'status'>
  /** Streams of events that are open in this process. */
  streams: Gauge
  /** What devices reported, counted once for each push, by `kind` (`delivered`, `clicked`). */
  receipts: Counter<'kind'>
  /** Jobs not settled yet, by `queue`; read when `/metrics` is. */
  queueDepth: Gauge<'queue'>
  /** Seconds that each partitioned `table` still has partitions for; read when `/metrics` is. */
  partitionHorizon: Gauge<'table'>
  /** Bytes that the disk of the embedded database has left, by its `folder`. */
  diskFree: Gauge<'folder'>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    registry,
    readers: [],
    attempts: new Counter({
      name: 'krafter_push_delivery_attempts_total',
      help: 'Webhook delivery attempts',
      labelNames: ['outcome'],
      registers,
    }),
    attemptSeconds: new Histogram({
      name: 'krafter_push_delivery_attempt_seconds',
      help: 'Duration of webhook delivery attempts',
      buckets: [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30],
      registers,
    }),
    pushes: new Counter({
      name: 'krafter_push_pushes_total',
      help: 'Pushes handed to push services',
      labelNames: ['platform', 'outcome'],
      registers,
    }),
    notifications: new Counter({
      name: 'krafter_push_notifications_completed_total',
      help: 'Notifications whose fan-out completed',
      labelNames: ['status'],
      registers,
    }),
    streams: new Gauge({
      name: 'krafter_push_event_streams',
      help: 'Streams of events that are open',
      registers,
    }),
    receipts: new Counter({
      name: 'krafter_push_receipts_total',
      help: 'Pushes that devices reported as delivered or clicked',
      labelNames: ['kind'],
      registers,
    }),
    queueDepth: new Gauge({
      name: 'krafter_push_queue_depth',
      help: 'Jobs waiting or under way',
      labelNames: ['queue'],
      registers,
    }),
    partitionHorizon: new Gauge({
      name: 'krafter_push_partition_horizon_seconds',
      help: 'How far ahead the event log has partitions',
      labelNames: ['table'],
      registers,
    }),
    diskFree: new Gauge({
      name: 'krafter_push_disk_free_bytes',
      help: 'Room left on the disk of the embedded database',
      labelNames: ['folder'],
      registers,
    }),
  }
}
