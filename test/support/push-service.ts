import { createECDH, createPublicKey, type ECDH, randomBytes, verify } from 'node:crypto'
import type { Http2ServerResponse } from 'node:http2'
import { decrypt } from 'http_ece'
import { makeCertificates } from '../../src/local-ends/certificates.ts'
import {
  type ReceivedRequest,
  startTlsServer,
  type TlsServerOptions,
} from '../../src/local-ends/tls-server.ts'

/** A browser's subscription, and what only the browser has. */
export interface Device {
  path: string
  pair: ECDH
  auth: Buffer
  /** The key it subscribed with: pushes signed with another are refused. Undefined: any will do. */
  applicationServerKey: string | undefined
  /** As the API takes it. */
  registration: { platform: 'web'; token: string; keys: { p256dh: string; auth: string } }
}

/** A push that the service took, decrypted as the device would. */
export interface ReceivedPush {
  device: Device
  headers: ReceivedRequest['headers']
  bytes: number
  payload: Record<string, unknown>
  /** Claims of the verified VAPID token. */
  claims: { aud: string; exp: number; sub: string }
}

/** A strict push service: it refuses what a real one refuses, and decrypts with an implementation that is not ours. */
export interface PushService {
  origin: string
  /** Every request, refused ones included. */
  requests: ReceivedRequest[]
  pushes: ReceivedPush[]
  makeDevice(name?: string, applicationServerKey?: string): Device
  /** What an acceptable push is answered with; by default 201. */
  answer: (push: ReceivedPush, response: Http2ServerResponse) => void
  stop(): Promise<void>
}

export async function startPushService(options: TlsServerOptions = {}): Promise<PushService> {
  const devices = new Map<string, Device>()
  const requests: ReceivedRequest[] = []
  const pushes: ReceivedPush[] = []
  const server = await startTlsServer(
    await makeCertificates(),
    (request, response) => {
      requests.push(request)
      const device = devices.get(request.path)
      if (!device) return void response.writeHead(404).end()
      const refusal = refuse(request, server.origin, device)
      if (refusal) return void response.writeHead(refusal.status).end(refusal.message)
      const push = open(request, device)
      pushes.push(push)
      service.answer(push, response)
    },
    options,
  )
  const service: PushService = {
    origin: server.origin,
    requests,
    pushes,
    makeDevice(name = randomBytes(8).toString('hex'), applicationServerKey) {
      const pair = createECDH('prime256v1')
      const p256dh = pair.generateKeys('base64url')
      const auth = randomBytes(16)
      const path = `/push/${name}`
      const token = `${server.origin}${path}`
      const keys = { p256dh, auth: auth.toString('base64url') }
      const registration = { platform: 'web' as const, token, keys }
      const device: Device = { path, pair, auth, applicationServerKey, registration }
      devices.set(path, device)
      return device
    },
    answer: (_, response) => {
      response.writeHead(201, { location: `${server.origin}/message/1`, ttl: '60' }).end()
    },
    stop: () => server.stop(),
  }
  return service
}

/** RFC 8030 §5 and RFC 8292 §4: what a push service must not take. */
function refuse(
  { method, headers, body }: ReceivedRequest,
  origin: string,
  { applicationServerKey }: Device,
): { status: number; message: string } | null {
  if (method !== 'POST') return { status: 405, message: 'POST' }
  if (!/^\d+$/.test(String(headers.ttl))) return { status: 400, message: 'TTL' }
  if (headers['content-encoding'] !== 'aes128gcm') return { status: 415, message: 'content-encoding' }
  if (body.length > 4_096) return { status: 413, message: 'too large' }
  if (headers.topic && !/^[A-Za-z0-9_-]{1,32}$/.test(String(headers.topic)))
    return { status: 400, message: 'topic' }
  const claims = verifyVapid(headers.authorization)
  if (!claims) return { status: 403, message: 'VAPID' }
  if (applicationServerKey && !headers.authorization?.endsWith(`, k=${applicationServerKey}`)) {
    return { status: 403, message: '{"reason":"VapidPkHashMismatch"}' }
  }
  const now = Date.now() / 1_000
  const fine = claims.aud === origin && claims.exp > now && claims.exp <= now + 86_400 && claims.sub
  return fine ? null : { status: 403, message: 'claims' }
}

function verifyVapid(authorization: string | undefined): ReceivedPush['claims'] | null {
  const [, token, key] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(authorization ?? '') ?? []
  if (!token || !key) return null
  const point = Buffer.from(key, 'base64url')
  const publicKey = createPublicKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  })
  const [header, payload, signature] = token.split('.') as [string, string, string]
  const signed = Buffer.from(`${header}.${payload}`)
  const good = verify(
    'sha256',
    signed,
    { key: publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  return good ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : null
}

function open(request: ReceivedRequest, device: Device): ReceivedPush {
  const plaintext = decrypt(request.body, {
    version: 'aes128gcm',
    privateKey: device.pair,
    authSecret: device.auth.toString('base64url'),
  })
  return {
    device,
    headers: request.headers,
    bytes: request.body.length,
    payload: JSON.parse(plaintext.toString()),
    claims: verifyVapid(request.headers.authorization)!,
  }
}
