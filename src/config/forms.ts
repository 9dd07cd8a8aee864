import { Resolver } from 'node:dns'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { orUndefined } from '../platform/or-undefined.ts'
import { splitList } from '../platform/split-list.ts'
import { vapidSubjectProblem } from './vapid-subject.ts'

// The forms of environment variables. Each says what is wrong in words that follow the variable's name.
const listOf = (what: string, isOne: (entry: string) => boolean) =>
  z.string().transform((value, context) => {
    const entries = splitList(value)
    for (const entry of entries.filter((each) => !isOne(each))) {
      const message = `must be a comma-separated list of ${what}, and "${entry}" is not one`
      context.addIssue({ code: 'custom', message })
    }
    return entries
  })

export const cidrList = listOf('CIDR networks', ipaddr.isValidCIDR)

export const retrySchedule = z
  .string()
  .transform((value) => splitList(value).map(Number))
  .refine(
    (waits) => waits.length <= 20 && waits.every((wait) => wait >= 0 && wait <= 604_800),
    'must be at most 20 comma-separated waits in seconds, each from 0 to 604800',
  )

export const encryptionKeys = z
  .string()
  .transform((value) => splitList(value).map((key) => Buffer.from(key, 'base64')))
  .refine(
    (keys) => keys.length > 0 && keys.every((key) => key.length === 32),
    'must be a comma-separated list of keys, each 32 bytes in base64 (openssl rand -base64 32)',
  )

export const host = z
  .string()
  .refine((value) => isIP(value) !== 0 || /^[a-z0-9.-]+$/i.test(value), 'must be an address or a host name')

const urlWith = (protocol: RegExp, message: string) =>
  z.string().refine((value) => protocol.test(URL.parse(value)?.protocol ?? ''), message)

export const databaseUrl = urlWith(/^postgres(ql)?:$/, 'must be a postgres:// URL')

const succeeds = (run: () => unknown) => orUndefined(() => [run()]) !== undefined

export const dnsServers = z
  .string()
  .transform(splitList)
  .refine(
    (servers) => succeeds(() => new Resolver().setServers(servers)),
    'must be a comma-separated list of addresses, each with or without a port (127.0.0.1:53, [::1]:53)',
  )

/** The URL may hold a password, so error messages must not repeat it. */
export const outboundProxy = urlWith(
  /^https?:$/,
  'must be an http:// or https:// URL, with or without a user name and password',
)
  .transform((value) => new URL(value))
  .refine(
    ({ username, password }) => succeeds(() => decodeURIComponent(`${username}:${password}`)),
    'must have its user name and password percent-encoded',
  )
  .refine(({ pathname, search }) => pathname === '/' && search === '', 'must have no path')

export const otlpHeaders = z.string().transform((value, context) => {
  const headers = orUndefined(() => Object.fromEntries(splitList(value).map(toOtlpHeader)))
  if (headers) return headers
  const message = 'must be name=value pairs, separated by commas, the values percent-encoded'
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables */
function toOtlpHeader(pair: string): [name: string, value: string] {
  const [, name, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(pair) ?? []
  if (name === undefined || value === undefined) throw new Error('not name=value')
  return [name, decodeURIComponent(value)]
}

export const publicUrl = urlWith(/^https?:$/, 'must be an http:// or https:// URL').transform((value) =>
  value.replace(/\/+$/, ''),
)

export const alertUrl = urlWith(/^https:$/, 'must be an https:// URL')

export const vapidSubject = z.string().superRefine((value, context) => {
  const message = vapidSubjectProblem(value)
  if (message) context.addIssue({ code: 'custom', message })
})

export const pushHosts = listOf('host names, *.example.com or *', (host) =>
  /^(?:\*|(?:\*\.)?[a-z0-9.-]+)$/i.test(host),
).transform((hosts) => hosts.map((host) => host.toLowerCase()))

export const apiKey = z
  .string()
  .regex(/^kr_live_[A-Za-z0-9_-]{43}$/, 'must be kr_live_ followed by 43 base64url characters')
