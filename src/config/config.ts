import { z } from 'zod'
import { ConfigError } from '../platform/config-error.ts'
import type { TracesConfig } from '../platform/traces/traces.ts'
import { wholeNumberText } from '../platform/whole-number.ts'
import {
  alertUrl,
  apiKey,
  cidrList,
  databaseUrl,
  dnsServers,
  encryptionKeys,
  host,
  otlpHeaders,
  outboundProxy,
  publicUrl,
  pushHosts,
  retrySchedule,
  vapidSubject,
} from './forms.ts'
import { vapidSubjectFrom } from './vapid-subject.ts'

/** The contract's waits between the five attempts of a delivery: `2^n + 15` seconds after attempt n. */
export const defaultRetryScheduleSeconds: readonly number[] = [17, 19, 23, 31]

/** The push services of today's browsers. */
const knownPushHosts = [
  'fcm.googleapis.com',
  '*.push.services.mozilla.com',
  '*.notify.windows.com',
  '*.push.apple.com',
]

/** 0 turns a rate limit off. */
const requestsPerMinute = wholeNumberText(0, 1_000_000_000)

/**
 * Every environment variable the service reads: its form, its default and its unit. An empty value counts as
 * absent, so that `FOO= npm start` and compose files with blank entries behave as expected.
 */
const settings = {
  port: ['PORT', wholeNumberText(0, 65_535).default(8080)],
  host: ['HOST', host.default('127.0.0.1')],
  /** Port of a separate listener on `host` for `/metrics` and the probes. Absent: the API's port serves `/metrics`. */
  metricsPort: ['KRAFTER_METRICS_PORT', wholeNumberText(0, 65_535).optional()],
  /** Absent: the embedded database in `dataDir`. */
  databaseUrl: ['DATABASE_URL', databaseUrl.optional()],
  /** Database connections that requests and workers share (PostgreSQL only). */
  databaseConnections: ['KRAFTER_DATABASE_CONNECTIONS', wholeNumberText(4, 1_000).default(10)],
  /** How long a request's SQL statement may take (PostgreSQL only). */
  statementTimeoutMs: ['KRAFTER_STATEMENT_TIMEOUT_MS', wholeNumberText(100, 600_000).default(10_000)],
  dataDir: ['KRAFTER_DATA_DIR', z.string().default('./data')],
  /** AES-256 keys: the first encrypts, all decrypt. Absent only in embedded mode, which then creates a key. */
  encryptionKeys: ['KRAFTER_ENCRYPTION_KEY', encryptionKeys.optional()],
  /** Where clients reach the service, without a trailing slash. */
  publicUrl: ['KRAFTER_PUBLIC_URL', publicUrl.optional()],
  /** CIDR networks that the address guard allows although they are not public. */
  allowNetworks: ['KRAFTER_ALLOW_NETWORKS', cidrList.default([])],
  /** DNS servers (`address` or `address:port`) for user-supplied host names. Absent: the system's servers. */
  dnsServers: ['KRAFTER_DNS_SERVERS', dnsServers.optional()],
  /** An HTTP proxy for all connections to webhooks and push services; may hold credentials. */
  outboundProxy: ['KRAFTER_OUTBOUND_PROXY', outboundProxy.optional()],
  retryScheduleSeconds: ['KRAFTER_RETRY_SCHEDULE', retrySchedule.default([...defaultRetryScheduleSeconds])],
  deliveryTimeoutMs: ['KRAFTER_DELIVERY_TIMEOUT_MS', wholeNumberText(100, 60_000).default(10_000)],
  /** How long an unbroken series of failures must last before it disables a webhook. */
  disableAfterSeconds: ['KRAFTER_DISABLE_AFTER', wholeNumberText(0, 31_536_000).default(3_600)],
  /** How long a request may take to arrive, body included. */
  requestTimeoutMs: ['KRAFTER_REQUEST_TIMEOUT_MS', wholeNumberText(100, 600_000).default(30_000)],
  /** How many connections each HTTP port of this process may have open at a time. */
  maxConnections: ['KRAFTER_MAX_CONNECTIONS', wholeNumberText(10, 1_000_000).default(10_000)],
  /** Receives an alert for the operator when failed attempts disable a webhook. */
  alertWebhookUrl: ['KRAFTER_ALERT_WEBHOOK_URL', alertUrl.optional()],
  /** How many event streams this process may have open at a time. */
  maxStreams: ['KRAFTER_MAX_STREAMS', wholeNumberText(1, 10_000).default(100)],
  maxStreamsPerTeam: ['KRAFTER_MAX_STREAMS_PER_TEAM', wholeNumberText(1, 10_000).default(50)],
  maxWebhooksPerApp: ['KRAFTER_MAX_WEBHOOKS_PER_APP', wholeNumberText(1, 10_000).default(100)],
  /** The largest size of a webhook's filter as JSON. */
  maxFilterBytes: ['KRAFTER_MAX_FILTER_BYTES', wholeNumberText(64, 65_536).default(8_192)],
  /** How long a push is retried at most, in seconds. Its time to live may end earlier. */
  pushMaxAgeSeconds: ['KRAFTER_PUSH_MAX_AGE', wholeNumberText(60, 2_419_200).default(86_400)],
  /** How long `notification.sent` waits for pushes that are still being retried, in seconds. */
  sentAfterSeconds: ['KRAFTER_SENT_AFTER', wholeNumberText(1, 86_400).default(600)],
  /** How long events, deliveries and attempts are kept; longer than the longest retry schedule, 7 days. */
  retentionDays: ['KRAFTER_RETENTION_DAYS', wholeNumberText(8, 3_650).default(30)],
  rateLimitDefault: ['KRAFTER_RATE_LIMIT_DEFAULT', requestsPerMinute.default(6_000)],
  rateLimitStrict: ['KRAFTER_RATE_LIMIT_STRICT', requestsPerMinute.default(1_800)],
  rateLimitPublic: ['KRAFTER_RATE_LIMIT_PUBLIC', requestsPerMinute.default(1_200)],
  rateLimitUnauthorized: ['KRAFTER_RATE_LIMIT_UNAUTHORIZED', requestsPerMinute.default(1_200)],
  /** Push service hosts whose subscriptions pages may register without an API key; `*.` matches subdomains. */
  publicPushHosts: ['KRAFTER_PUBLIC_PUSH_HOSTS', pushHosts.default(knownPushHosts)],
  /** Proxies (CIDR) whose X-Forwarded-For header is trusted. */
  trustProxy: ['KRAFTER_TRUST_PROXY', cidrList.default([])],
  logLevel: [
    'KRAFTER_LOG_LEVEL',
    z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
        error: 'must be fatal, error, warn, info, debug, trace or silent',
      })
      .default('info'),
  ],
  /** The contact in VAPID tokens. Undefined: none is configured that Apple accepts. */
  vapidSubject: ['KRAFTER_VAPID_SUBJECT', vapidSubject.optional()],
  bootstrapApiKey: ['KRAFTER_BOOTSTRAP_API_KEY', apiKey.optional()],
  /** How long the service keeps serving after it announces that it will stop. Absent: 0 at a terminal, else 5 s. */
  drainDelayMs: ['KRAFTER_DRAIN_DELAY_MS', wholeNumberText(0, 60_000).optional()],
  otlpEndpoint: ['OTEL_EXPORTER_OTLP_ENDPOINT', publicUrl.optional()],
  otlpHeaders: ['OTEL_EXPORTER_OTLP_HEADERS', otlpHeaders.optional()],
  serviceName: ['OTEL_SERVICE_NAME', z.string().default('krafter-push')],
  tracesRatio: [
    'OTEL_TRACES_SAMPLER_ARG',
    z
      .string()
      .regex(/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/, 'must be a number from 0 to 1')
      .transform(Number)
      .default(1),
  ],
  tracesDisabled: [
    'OTEL_SDK_DISABLED',
    z.enum(['true', 'false'], { error: 'must be true or false' }).default('false'),
  ],
} as const

type Settings = typeof settings
type Shape = { [Key in keyof Settings as Settings[Key][0]]: Settings[Key][1] }
type Values = { [Key in keyof Settings]: z.output<Settings[Key][1]> }

/** The schema of the environment variables. */
export const environment = z.object(Object.fromEntries(Object.values(settings)) as Shape)

/** The configuration of this process: plain data, read once at start and passed to the parts that need it. */
export type Config = ReturnType<typeof readConfig>

/**
 * Reads the configuration from environment variables.
 *
 * @param env the variables, normally `process.env`; unknown ones are ignored
 * @throws ConfigError naming the first invalid variable; it never repeats the value of a secret
 */
export function readConfig(env: Record<string, string | undefined>) {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = environment.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw new ConfigError(`${String(issue.path[0])} ${issue.message}`)
  }
  const values = Object.fromEntries(
    Object.entries(settings).map(([key, [name]]) => [key, parsed.data[name]]),
  ) as Values
  if (values.databaseUrl && !values.encryptionKeys) {
    throw new ConfigError(
      'KRAFTER_ENCRYPTION_KEY is required with DATABASE_URL, the same for every process: 32 bytes in base64 (openssl rand -base64 32)',
    )
  }
  return {
    ...values,
    /** Requests per 60 s window; 0 turns a bucket off. */
    rateLimits: {
      default: values.rateLimitDefault,
      strict: values.rateLimitStrict,
      public: values.rateLimitPublic,
      unauthorized: values.rateLimitUnauthorized,
    },
    /** The contact in VAPID tokens. Undefined: none is configured that Apple accepts. */
    vapidSubject: values.vapidSubject ?? vapidSubjectFrom(values.publicUrl),
    /** Undefined: no traces are exported. */
    traces: toTracesConfig(values),
  }
}

function toTracesConfig(values: Values): TracesConfig | undefined {
  const { otlpEndpoint, otlpHeaders: headers = {}, serviceName, tracesRatio: ratio, tracesDisabled } = values
  if (otlpEndpoint === undefined || tracesDisabled === 'true') return undefined
  return { url: `${otlpEndpoint}/v1/traces`, headers, serviceName, ratio }
}
