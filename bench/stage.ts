import { randomBytes } from 'node:crypto'
import type { Role } from '../src/app.ts'
import { type Certificates, makeCertificates } from '../src/local-ends/certificates.ts'
import { builtService } from './built-service.ts'
import { type Child, startChild } from './child.ts'
import type { ClientApi, Request } from './client.ts'
import type { PeerApi } from './peer.ts'
import type { ServiceApi } from './service.ts'
import type { Storage } from './storage.ts'
import { makeSubscriptions, type Subscription } from './subscriptions.ts'

/** A push service or webhook receiver, in its own process. */
export interface Peer extends Child<PeerApi> {
  origin: string
}

/** The push services and receivers, each in its own process. One certificate authority signs for all. */
export interface Ends {
  certificates: Certificates
  http2: Peer
  http1: Peer
  pushService: Peer
  /** Hosts the misbehaving receivers, for example those that hang, drip or flood. */
  bad: Peer
  /** A browser's subscription; its endpoint is not used. */
  subscription: Subscription
  end(): Promise<void>
}

export async function startEnds(): Promise<Ends> {
  const certificates = await makeCertificates()
  const start = async (isHttp2 = true): Promise<Peer> => {
    const child = startChild<PeerApi>('peer')
    const origin = await child.start(certificates, isHttp2)
    return new Proxy(child, {
      get: (_, name) => (name === 'origin' ? origin : Reflect.get(child, name)),
    }) as Peer
  }
  const [http2, http1, pushService, bad] = await Promise.all([start(), start(false), start(), start()])
  const end = async () => {
    await Promise.all([http2.end(), http1.end(), pushService.end(), bad.end()])
  }
  const subscription = makeSubscriptions(pushService.origin)[0]!
  return { certificates, http2, http1, pushService, bad, subscription, end }
}

/** A running service, its client in its own process, and the push services and receivers. */
export interface Stage {
  service: Child<ServiceApi>
  client: Child<ClientApi>
  ends: Ends
  /** Opens another client in its own process, so that load in one client does not delay the other. */
  openClient(connections?: number): Promise<Child<ClientApi>>
  /** Sends a request to the API. @returns the answer's `data`; @throws for any status but 2xx */
  ask<Data>(request: Request): Promise<Data>
  end(): Promise<void>
}

const apiKey = `kr_live_${randomBytes(32).toString('base64url')}`
/** Rate limiting is on, but the limits are so high that nothing is refused. */
const rateLimits = { KRAFTER_RATE_LIMIT_DEFAULT: '100000000', KRAFTER_RATE_LIMIT_STRICT: '100000000' }

/** Starts a service on a storage. The service continues with data that the storage already has. */
export async function startStage(ends: Ends, storage: Storage, roles?: readonly Role[]): Promise<Stage> {
  const service = await startProcess(ends, storage, roles)
  const openClient = async (connections?: number) => {
    const opened = startChild<ClientApi>('client')
    await opened.open(service.url!, apiKey, connections)
    return opened
  }
  const client = await openClient()
  return {
    service: service.child,
    client,
    openClient,
    ends,
    async ask<Data>(request: Request) {
      const { status, data } = await client.ask(request)
      if (status >= 300) throw new Error(`${request.method} ${request.path} was answered ${status}`)
      return data as Data
    },
    async end() {
      await client.end()
      await service.child.stop()
      await service.child.end()
    },
  }
}

/** Starts one process of a service. */
export async function startProcess(
  ends: Ends,
  storage: Storage,
  roles?: readonly Role[],
): Promise<{ child: Child<ServiceApi>; url: string | undefined }> {
  const child = startChild<ServiceApi>('service', builtService)
  const env = { KRAFTER_BOOTSTRAP_API_KEY: apiKey, ...rateLimits, ...storage.env }
  const url = await child.start({ env, ca: ends.certificates.ca, ...(roles && { roles }) })
  return { child, url }
}

/** @returns the new app's id */
export async function makeApp({ ask }: Stage): Promise<string> {
  const { id } = await ask<{ id: string }>({ method: 'POST', path: '/apps', body: { name: 'bench' } })
  return id
}

/** @returns the new webhook's id */
export async function makeWebhook(
  { ask }: Stage,
  appId: string,
  url: string,
  event: string,
): Promise<string> {
  const body = { url, events: [event] }
  const { id } = await ask<{ id: string }>({ method: 'POST', path: `/apps/${appId}/webhooks`, body })
  return id
}
