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

/**
 * Every environment variable the service reads: its form, its default and its unit. An empty value counts as
 * absent, so that `FOO= npm start` and compose files with blank entries behave as expected.
 */
export const environment = z.object({
  PORT: wholeNumberText(0, 65_535).default(8080),
  HOST: host.default('127.0.0.1'),
  KRAFTER_METRICS_PORT: wholeNumberText(0, 65_535).optional(),
  DATABASE_URL: databaseUrl.optional(),
  KRAFTER_DATABASE_CONNECTIONS: wholeNumberText(4, 1_000).default(10),
  KRAFTER_STATEMENT_TIMEOUT_MS: wholeNumberText(100, 600_000).default(10_000),
  KRAFTER_DATA_DIR: z.string().default('./data'),
  KRAFTER_ENCRYPTION_KEY: encryptionKeys.optional(),
  KRAFTER_PUBLIC_URL: publicUrl.optional(),
  KRAFTER_ALLOW_NETWORKS: cidrList.default([]),
  KRAFTER_DNS_SERVERS: dnsServers.optional(),
  KRAFTER_OUTBOUND_PROXY: outboundProxy.optional(),
  KRAFTER_RETRY_SCHEDULE: retrySchedule.default([...defaultRetryScheduleSeconds]),
  KRAFTER_DELIVERY_TIMEOUT_MS: wholeNumberText(100, 60_000).default(10_000),
  KRAFTER_DISABLE_AFTER: wholeNumberText(0, 31_536_000).default(3_600),
  KRAFTER_REQUEST_TIMEOUT_MS: wholeNumberText(100, 600_000).default(30_000),
  KRAFTER_MAX_CONNECTIONS: wholeNumberText(10, 1_000_000).default(10_000),
  KRAFTER_ALERT_WEBHOOK_URL: alertUrl.optional(),
  KRAFTER_MAX_STREAMS: wholeNumberText(1, 10_000).default(100),
  KRAFTER_MAX_STREAMS_PER_TEAM: wholeNumberText(1, 10_000).default(50),
  KRAFTER_MAX_WEBHOOKS_PER_APP: wholeNumberText(1, 10_000).default(100),
  KRAFTER_MAX_FILTER_BYTES: wholeNumberText(64, 65_536).default(8_192),
  KRAFTER_PUSH_MAX_AGE: wholeNumberText(60, 2_419_200).default(86_400),
  KRAFTER_SENT_AFTER: wholeNumberText(1, 86_400).default(600),
  KRAFTER_RETENTION_DAYS: wholeNumberText(8, 3_650).default(30),
  KRAFTER_RATE_LIMIT_DEFAULT: wholeNumberText(0, 1_000_000_000).default(6_000),
  KRAFTER_RATE_LIMIT_STRICT: wholeNumberText(0, 1_000_000_000).default(1_800),
  KRAFTER_RATE_LIMIT_PUBLIC: wholeNumberText(0, 1_000_000_000).default(1_200),
  KRAFTER_RATE_LIMIT_UNAUTHORIZED: wholeNumberText(0, 1_000_000_000).default(1_200),
  KRAFTER_PUBLIC_PUSH_HOSTS: pushHosts.default(knownPushHosts),
  KRAFTER_TRUST_PROXY: cidrList.default([]),
  KRAFTER_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      error: 'must be fatal, error, warn, info, debug, trace or silent',
    })
    .default('info'),
  KRAFTER_VAPID_SUBJECT: vapidSubject.optional(),
  KRAFTER_BOOTSTRAP_API_KEY: apiKey.optional(),
  KRAFTER_DRAIN_DELAY_MS: wholeNumberText(0, 60_000).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: publicUrl.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: otlpHeaders.optional(),
  OTEL_SERVICE_NAME: z.string().default('krafter-push'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/, 'must be a number from 0 to 1')
    .transform(Number)
    .default(1),
  OTEL_SDK_DISABLED: z.enum(['true', 'false'], { error: 'must be true or false' }).default('false'),
})

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
  const values = parsed.data
  if (values.DATABASE_URL && !values.KRAFTER_ENCRYPTION_KEY) {
    throw new ConfigError(
      'KRAFTER_ENCRYPTION_KEY is required with DATABASE_URL, the same for every process: 32 bytes in base64 (openssl rand -base64 32)',
    )
  }
  return {
    port: values.PORT,
    host: values.HOST,
    /** Port of a separate listener on `host` for `/metrics` and the probes. Absent: the API's port serves `/metrics`. */
    metricsPort: values.KRAFTER_METRICS_PORT,
    /** Absent: the embedded database in `dataDir`. */
    databaseUrl: values.DATABASE_URL,
    /** Database connections that requests and workers share (PostgreSQL only). */
    databaseConnections: values.KRAFTER_DATABASE_CONNECTIONS,
    /** How long a request's SQL statement may take (PostgreSQL only). */
    statementTimeoutMs: values.KRAFTER_STATEMENT_TIMEOUT_MS,
    dataDir: values.KRAFTER_DATA_DIR,
    /** AES-256 keys: the first encrypts, all decrypt. Absent only in embedded mode, which then creates a key. */
    encryptionKeys: values.KRAFTER_ENCRYPTION_KEY,
    /** Where clients reach the service, without a trailing slash. */
    publicUrl: values.KRAFTER_PUBLIC_URL,
    /** CIDR networks that the address guard allows although they are not public. */
    allowNetworks: values.KRAFTER_ALLOW_NETWORKS,
    /** DNS servers (`address` or `address:port`) for user-supplied host names. Absent: the system's servers. */
    dnsServers: values.KRAFTER_DNS_SERVERS,
    /** An HTTP proxy for all connections to webhooks and push services; may hold credentials. */
    outboundProxy: values.KRAFTER_OUTBOUND_PROXY,
    retryScheduleSeconds: values.KRAFTER_RETRY_SCHEDULE,
    deliveryTimeoutMs: values.KRAFTER_DELIVERY_TIMEOUT_MS,
    /** How long an unbroken series of failures must last before it disables a webhook. */
    disableAfterSeconds: values.KRAFTER_DISABLE_AFTER,
    /** How long a request may take to arrive, body included. */
    requestTimeoutMs: values.KRAFTER_REQUEST_TIMEOUT_MS,
    /** How many connections each HTTP port of this process may have open at a time. */
    maxConnections: values.KRAFTER_MAX_CONNECTIONS,
    /** Receives an alert for the operator when failed attempts disable a webhook. */
    alertWebhookUrl: values.KRAFTER_ALERT_WEBHOOK_URL,
    /** How many event streams this process may have open at a time. */
    maxStreams: values.KRAFTER_MAX_STREAMS,
    maxStreamsPerTeam: values.KRAFTER_MAX_STREAMS_PER_TEAM,
    maxWebhooksPerApp: values.KRAFTER_MAX_WEBHOOKS_PER_APP,
    /** The largest size of a webhook's filter as JSON. */
    maxFilterBytes: values.KRAFTER_MAX_FILTER_BYTES,
    /** How long a push is retried at most, in seconds. Its time to live may end earlier. */
    pushMaxAgeSeconds: values.KRAFTER_PUSH_MAX_AGE,
    /** How long `notification.sent` waits for pushes that are still being retried, in seconds. */
    sentAfterSeconds: values.KRAFTER_SENT_AFTER,
    /** How long events, deliveries and attempts are kept; longer than the longest retry schedule, 7 days. */
    retentionDays: values.KRAFTER_RETENTION_DAYS,
    /** Requests per 60 s window; 0 turns a bucket off. */
    rateLimits: {
      default: values.KRAFTER_RATE_LIMIT_DEFAULT,
      strict: values.KRAFTER_RATE_LIMIT_STRICT,
      public: values.KRAFTER_RATE_LIMIT_PUBLIC,
      unauthorized: values.KRAFTER_RATE_LIMIT_UNAUTHORIZED,
    },
    /** Push service hosts whose subscriptions pages may register without an API key; `*.` matches subdomains. */
    publicPushHosts: values.KRAFTER_PUBLIC_PUSH_HOSTS,
    /** Proxies (CIDR) whose X-Forwarded-For header is trusted. */
    trustProxy: values.KRAFTER_TRUST_PROXY,
    logLevel: values.KRAFTER_LOG_LEVEL,
    /** The contact in VAPID tokens. Undefined: none is configured that Apple accepts. */
    vapidSubject: values.KRAFTER_VAPID_SUBJECT ?? vapidSubjectFrom(values.KRAFTER_PUBLIC_URL),
    bootstrapApiKey: values.KRAFTER_BOOTSTRAP_API_KEY,
    /** How long the service keeps serving after it announces that it will stop. Absent: 0 at a terminal, else 5 s. */
    drainDelayMs: values.KRAFTER_DRAIN_DELAY_MS,
    /** Undefined: no traces are exported. */
    traces: toTracesConfig(values),
  }
}

function toTracesConfig(values: z.output<typeof environment>): TracesConfig | undefined {
  const endpoint = values.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined || values.OTEL_SDK_DISABLED === 'true') return undefined
  return {
    url: `${endpoint}/v1/traces`,
    headers: values.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    serviceName: values.OTEL_SERVICE_NAME,
    ratio: values.OTEL_TRACES_SAMPLER_ARG,
  }
}
