import { Resolver } from 'node:dns'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { ConfigError } from '../platform/config-error.ts'
import { splitList } from '../platform/split-list.ts'
import type { TracesConfig } from '../platform/traces/traces.ts'
import { wholeNumberText } from '../platform/whole-number.ts'
import { vapidSubjectFrom, vapidSubjectProblem } from './vapid-subject.ts'

/** The contract's waits between the five attempts of a delivery: `2^n + 15` seconds after attempt n. */
export const defaultRetryScheduleSeconds: readonly number[] = [17, 19, 23, 31]

const cidrList = z.string().transform((value, context) => {
  const networks = splitList(value)
  for (const network of networks) {
    if (!ipaddr.isValidCIDR(network)) {
      context.addIssue({
        code: 'custom',
        message: `must be a comma-separated list of CIDR networks, and "${network}" is not one`,
      })
    }
  }
  return networks
})

const retrySchedule = z.string().transform((value, context) => {
  const seconds = splitList(value).map(Number)
  if (seconds.length > 20 || seconds.some((wait) => !Number.isFinite(wait) || wait < 0 || wait > 604_800)) {
    context.addIssue({
      code: 'custom',
      message: 'must be at most 20 comma-separated waits in seconds, each from 0 to 604800',
    })
  }
  return seconds
})

const encryptionKeys = z.string().transform((value, context) => {
  const keys = splitList(value).map((key) => Buffer.from(key, 'base64'))
  if (keys.length === 0 || keys.some((key) => key.length !== 32)) {
    context.addIssue({
      code: 'custom',
      message: 'must be a comma-separated list of keys, each 32 bytes in base64 (openssl rand -base64 32)',
    })
  }
  return keys
})

const host = z
  .string()
  .refine((value) => isIP(value) !== 0 || /^[a-z0-9.-]+$/i.test(value), 'must be an address or a host name')

const databaseUrl = z
  .string()
  .refine(
    (value) => URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol),
    'must be a postgres:// URL',
  )

const dnsServers = z.string().transform((value, context) => {
  const servers = splitList(value)
  try {
    new Resolver().setServers(servers)
  } catch {
    context.addIssue({
      code: 'custom',
      message:
        'must be a comma-separated list of addresses, each with or without a port (127.0.0.1:53, [::1]:53)',
    })
  }
  return servers
})

/** The URL may hold a password, so error messages must not repeat it. */
const outboundProxy = z
  .string()
  .refine(
    (value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ''),
    'must be an http:// or https:// URL, with or without a user name and password',
  )
  .transform((value) => new URL(value))
  .refine(hasDecodableCredentials, 'must have its user name and password percent-encoded')
  .refine(({ pathname, search }) => pathname === '/' && search === '', 'must have no path')

function hasDecodableCredentials({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password)
    return true
  } catch {
    return false
  }
}

const otlpHeaders = z.string().transform((value, context) => {
  try {
    return Object.fromEntries(splitList(value).map(toOtlpHeader))
  } catch {
    context.addIssue({
      code: 'custom',
      message: 'must be name=value pairs, separated by commas, the values percent-encoded',
    })
    return z.NEVER
  }
})

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables */
function toOtlpHeader(pair: string): [name: string, value: string] {
  const [, name, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(pair) ?? []
  if (name === undefined || value === undefined) throw new Error('not name=value')
  return [name, decodeURIComponent(value)]
}

const publicUrl = z
  .string()
  .refine(
    (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
    'must be an http:// or https:// URL',
  )
  .transform((value) => value.replace(/\/+$/, ''))

const alertUrl = z
  .string()
  .refine((value) => URL.canParse(value) && new URL(value).protocol === 'https:', 'must be an https:// URL')

const vapidSubject = z.string().superRefine((value, context) => {
  const message = vapidSubjectProblem(value)
  if (message) context.addIssue({ code: 'custom', message })
})

/** The push services of today's browsers. */
const knownPushHosts = [
  'fcm.googleapis.com',
  '*.push.services.mozilla.com',
  '*.notify.windows.com',
  '*.push.apple.com',
]

const pushHosts = z.string().transform((value, context) => {
  const hosts = splitList(value.toLowerCase())
  for (const host of hosts) {
    if (host === '*' || /^(?:\*\.)?[a-z0-9.-]+$/.test(host)) continue
    context.addIssue({
      code: 'custom',
      message: `must be a comma-separated list of host names, *.example.com or *, and "${host}" is not one`,
    })
  }
  return hosts
})

const apiKey = z
  .string()
  .regex(/^kr_live_[A-Za-z0-9_-]{43}$/, 'must be kr_live_ followed by 43 base64url characters')

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
export interface Config {
  port: number
  host: string
  /** Port of a separate listener on `host` for `/metrics` and the probes. Absent: the API's port serves `/metrics`. */
  metricsPort: number | undefined
  /** Absent: the embedded database in `dataDir`. */
  databaseUrl: string | undefined
  /** Database connections that requests and workers share (PostgreSQL only). */
  databaseConnections: number
  /** How long a request's SQL statement may take (PostgreSQL only). */
  statementTimeoutMs: number
  dataDir: string
  /** AES-256 keys: the first encrypts, all decrypt. Absent only in embedded mode, which then creates a key. */
  encryptionKeys: Buffer[] | undefined
  /** Where clients reach the service, without a trailing slash. */
  publicUrl: string | undefined
  /** CIDR networks that the address guard allows although they are not public. */
  allowNetworks: string[]
  /** DNS servers (`address` or `address:port`) for user-supplied host names. Absent: the system's servers. */
  dnsServers: string[] | undefined
  /** An HTTP proxy for all connections to webhooks and push services; may hold credentials. */
  outboundProxy: URL | undefined
  retryScheduleSeconds: number[]
  deliveryTimeoutMs: number
  /** How long an unbroken series of failures must last before it disables a webhook. */
  disableAfterSeconds: number
  /** How long a request may take to arrive, body included. */
  requestTimeoutMs: number
  /** Receives an alert for the operator when failed attempts disable a webhook. */
  alertWebhookUrl: string | undefined
  /** How many event streams this process may have open at a time. */
  maxStreams: number
  maxStreamsPerTeam: number
  maxWebhooksPerApp: number
  /** The largest size of a webhook's filter as JSON. */
  maxFilterBytes: number
  /** How long a push is retried at most, in seconds. Its time to live may end earlier. */
  pushMaxAgeSeconds: number
  /** How long `notification.sent` waits for pushes that are still being retried, in seconds. */
  sentAfterSeconds: number
  /** How long events, deliveries and attempts are kept; longer than the longest retry schedule, 7 days. */
  retentionDays: number
  /** Requests per 60 s window; 0 turns a bucket off. */
  rateLimits: { default: number; strict: number; public: number; unauthorized: number }
  /** Push service hosts whose subscriptions pages may register without an API key; `*.` matches subdomains. */
  publicPushHosts: string[]
  /** Proxies (CIDR) whose X-Forwarded-For header is trusted. */
  trustProxy: string[]
  logLevel: string
  /** The contact in VAPID tokens. Undefined: none is configured that Apple accepts. */
  vapidSubject: string | undefined
  bootstrapApiKey: string | undefined
  /** How long the service keeps serving after it announces that it will stop. Absent: 0 at a terminal, else 5 s. */
  drainDelayMs: number | undefined
  /** Undefined: no traces are exported. */
  traces: TracesConfig | undefined
}

/**
 * Reads the configuration from environment variables.
 *
 * @param env the variables, normally `process.env`; unknown ones are ignored
 * @throws ConfigError naming the first invalid variable; it never repeats the value of a secret
 */
export function readConfig(env: Record<string, string | undefined>): Config {
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
    metricsPort: values.KRAFTER_METRICS_PORT,
    databaseUrl: values.DATABASE_URL,
    databaseConnections: values.KRAFTER_DATABASE_CONNECTIONS,
    statementTimeoutMs: values.KRAFTER_STATEMENT_TIMEOUT_MS,
    dataDir: values.KRAFTER_DATA_DIR,
    encryptionKeys: values.KRAFTER_ENCRYPTION_KEY,
    publicUrl: values.KRAFTER_PUBLIC_URL,
    allowNetworks: values.KRAFTER_ALLOW_NETWORKS,
    dnsServers: values.KRAFTER_DNS_SERVERS,
    outboundProxy: values.KRAFTER_OUTBOUND_PROXY,
    retryScheduleSeconds: values.KRAFTER_RETRY_SCHEDULE,
    deliveryTimeoutMs: values.KRAFTER_DELIVERY_TIMEOUT_MS,
    disableAfterSeconds: values.KRAFTER_DISABLE_AFTER,
    requestTimeoutMs: values.KRAFTER_REQUEST_TIMEOUT_MS,
    alertWebhookUrl: values.KRAFTER_ALERT_WEBHOOK_URL,
    maxStreams: values.KRAFTER_MAX_STREAMS,
    maxStreamsPerTeam: values.KRAFTER_MAX_STREAMS_PER_TEAM,
    maxWebhooksPerApp: values.KRAFTER_MAX_WEBHOOKS_PER_APP,
    maxFilterBytes: values.KRAFTER_MAX_FILTER_BYTES,
    pushMaxAgeSeconds: values.KRAFTER_PUSH_MAX_AGE,
    sentAfterSeconds: values.KRAFTER_SENT_AFTER,
    retentionDays: values.KRAFTER_RETENTION_DAYS,
    rateLimits: {
      default: values.KRAFTER_RATE_LIMIT_DEFAULT,
      strict: values.KRAFTER_RATE_LIMIT_STRICT,
      public: values.KRAFTER_RATE_LIMIT_PUBLIC,
      unauthorized: values.KRAFTER_RATE_LIMIT_UNAUTHORIZED,
    },
    publicPushHosts: values.KRAFTER_PUBLIC_PUSH_HOSTS,
    trustProxy: values.KRAFTER_TRUST_PROXY,
    logLevel: values.KRAFTER_LOG_LEVEL,
    vapidSubject: values.KRAFTER_VAPID_SUBJECT ?? vapidSubjectFrom(values.KRAFTER_PUBLIC_URL),
    bootstrapApiKey: values.KRAFTER_BOOTSTRAP_API_KEY,
    drainDelayMs: values.KRAFTER_DRAIN_DELAY_MS,
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
