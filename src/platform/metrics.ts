import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Gauges of the library that are named like counters. The same gauges by type, without `_total`, are kept. */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/**
 * The metrics of `/metrics`, in the Prometheus text format. Names follow https://prometheus.io/docs/practices/naming/.
 * Labels have a bounded set of values: never an id or a URL.
 */
export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of misnamed) registry.removeSingleMetric(name)
  const describe = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => ({
    name: `krafter_push_${name}`,
    help,
    labelNames,
    registers: [registry],
  })
  const counter = <Label extends string>(...named: Parameters<typeof describe<Label>>) =>
    new Counter(describe(...named))
  const gauge = <Label extends string = never>(name: string, help: string, labels: readonly Label[] = []) =>
    new Gauge(describe(name, help, labels))
  return {
    registry,
    /** Update gauges from the database before a scrape. Each clears its gauge first, so no value outlives an outage. */
    readers: [] as (() => Promise<void>)[],
    /** Update gauges from this process's state before each scrape. */
    samplers: [] as (() => void)[],

    /** `route` is the route's pattern, `status` the status class, such as `2xx`. */
    requestSeconds: new Histogram({
      ...describe(
        'http_request_duration_seconds',
        'Time from the head of a request to the end of its answer',
        ['method', 'route', 'status'],
      ),
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    }),
    streams: gauge('event_streams', 'Streams of events that are open'),
    notifications: counter('notifications_completed_total', 'Notifications whose fan-out completed', [
      'status',
    ]),
    pushes: counter('pushes_total', 'Pushes handed to push services', ['platform', 'outcome']),
    receipts: counter('receipts_total', 'Pushes that devices reported as delivered or clicked', ['kind']),
    attempts: counter('delivery_attempts_total', 'Webhook delivery attempts', ['outcome']),
    attemptSeconds: new Histogram({
      ...describe('delivery_attempt_seconds', 'Duration of webhook delivery attempts', []),
      buckets: [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30],
    }),

    oldestDue: gauge('oldest_due_seconds', 'Time since the oldest due work came due, over all processes', [
      'kind',
    ]),
    lanes: gauge('lanes', 'Lanes with work that this process owns', ['kind']),
    laneBuckets: gauge('lane_buckets', 'Buckets of lanes that this worker owns, of 64 over all workers'),
    queueDepth: gauge('queue_depth', 'Jobs waiting or under way', ['queue']),
    lastUpkeep: gauge(
      'upkeep_last_success_timestamp_seconds',
      'When an upkeep task last succeeded in any process; 0 means never',
      ['task'],
    ),

    databaseUp: gauge('database_up', 'Whether the database answered when these metrics were read'),
    connections: gauge('database_connections', 'Connections of this process to the database', ['state']),
    connectionsLimit: gauge(
      'database_connections_limit',
      'Connections that this process may open to the database',
    ),
    connectionsWaiting: gauge(
      'database_waiting',
      'Statements and transactions that wait for a connection to the database',
    ),
    partitionHorizon: gauge('partition_horizon_seconds', 'How far ahead the event log has partitions', [
      'table',
    ]),
    diskFree: gauge('disk_free_bytes', 'Room left on the disk of the embedded database', ['folder']),

    buildInfo: gauge(
      'build_info',
      'Versions of the service and of Node, and the kind of database; always 1',
      ['version', 'node', 'database'],
    ),
  }
}
