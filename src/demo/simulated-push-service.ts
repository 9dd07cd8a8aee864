import { createECDH, randomBytes } from 'node:crypto'
import type { Certificates } from '../local-ends/certificates.ts'
import { type ReceivedRequest, startTlsServer } from '../local-ends/tls-server.ts'
import { vapidProblem } from './verify-vapid.ts'

/** A push service must accept this size (RFC 8291 §4), and the common ones accept no more. */
const maxBodyBytes = 4_096

/** The result of a browser's `PushManager.subscribe()`, in the form that the API accepts. */
export interface Subscription {
  platform: 'web'
  token: string
  keys: { p256dh: string; auth: string }
}

/**
 * Starts what looks to a sender like a browser vendor's push service, on a free port, with HTTP/2 and TLS. It refuses the
 * pushes that a real one refuses, and answers the rest with 201.
 *
 * @param onTaken called after each accepted push with the total so far
 */
export async function startSimulatedPushService(
  certificates: Certificates,
  onTaken: (taken: number) => void,
) {
  const devices = new Map<string, { applicationServerKey: string; pushes: number }>()
  const refused: { count: number; reason: string | undefined } = { count: 0, reason: undefined }
  let taken = 0
  let reached = 0
  const checkVapid = rememberVerified()

  const refusalOf = (request: ReceivedRequest): { status: number; reason: string } | undefined => {
    const device = devices.get(request.path)
    if (!device) return { status: 404, reason: 'there is no such device' }
    const problem = requestProblem(request)
    if (problem) return problem
    const subscription = { applicationServerKey: device.applicationServerKey, origin: server.origin }
    const reason = checkVapid(request.headers.authorization, subscription)
    return reason ? { status: 403, reason } : undefined
  }
  const server = await startTlsServer(certificates, (request, response) => {
    const refusal = refusalOf(request)
    if (refusal) {
      refused.count += 1
      refused.reason ??= refusal.reason
      response.writeHead(refusal.status).end(refusal.reason)
      return
    }
    const device = devices.get(request.path)!
    if (device.pushes === 0) reached += 1
    device.pushes += 1
    taken += 1
    response.writeHead(201, { location: `${server.origin}/messages/${taken}` }).end()
    onTaken(taken)
  })
  return {
    origin: server.origin,
    /** Adds a device that accepts pushes from the holder of this key (base64url): RFC 8292 §4. */
    subscribe(applicationServerKey: string): Subscription {
      const path = `/push/${randomBytes(16).toString('base64url')}`
      devices.set(path, { applicationServerKey, pushes: 0 })
      const p256dh = createECDH('prime256v1').generateKeys('base64url')
      const keys = { p256dh, auth: randomBytes(16).toString('base64url') }
      return { platform: 'web', token: `${server.origin}${path}`, keys }
    },
    /** Devices with at least one accepted push. */
    get reached() {
      return reached
    },
    /** Pushes refused, with the reason for the first. */
    refused,
    stop: () => server.stop(),
  }
}

/** Checks RFC 8030 §5, RFC 8188 §2 and the size limit. */
function requestProblem({ method, headers, body }: ReceivedRequest) {
  if (method !== 'POST') return { status: 405, reason: 'a push is a POST' }
  if (headers[':scheme'] !== 'https') return { status: 505, reason: 'a push is sent over HTTP/2' }
  if (!/^\d+$/.test(String(headers.ttl))) return { status: 400, reason: 'the TTL header is no number' }
  if (headers['content-encoding'] !== 'aes128gcm') return { status: 415, reason: 'it is not aes128gcm' }
  if (body.length > maxBodyBytes) return { status: 413, reason: `it is longer than ${maxBodyBytes} bytes` }
  return undefined
}

/** Checks each token once, as the common services do: a sender signs one token for many pushes. */
function rememberVerified(): (authorization: string | undefined, subscription: Scope) => string | undefined {
  let verified: string | undefined
  return (authorization, subscription) => {
    const checked = `${subscription.applicationServerKey} ${authorization}`
    if (checked === verified) return undefined
    const problem = vapidProblem(authorization, subscription, Date.now() / 1_000)
    if (!problem) verified = checked
    return problem
  }
}

type Scope = Parameters<typeof vapidProblem>[1]
