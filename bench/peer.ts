import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Certificates, makeCertificates } from '../src/local-ends/certificates.ts'
import { startTlsServer } from '../src/local-ends/tls-server.ts'

/** The other end, a push service or a webhook's receiver, in a process of its own: it answers 201 at once. */
export interface Peer {
  origin: string
  certificates: Certificates
  stop(): void
}

/** @param http2 false: HTTP/1.1 only, as many receivers are */
export async function startPeer(http2 = true): Promise<Peer> {
  const certificates = await makeCertificates()
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [String(http2)])
  child.send(certificates)
  const [origin] = (await once(child, 'message')) as [string]
  return { origin, certificates, stop: () => child.kill() }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('disconnect', () => process.exit())
  const [certificates] = (await once(process, 'message')) as [Certificates]
  const options = { http2: process.argv[2] === 'true' }
  const { origin } = await startTlsServer(
    certificates,
    (_, response) => response.writeHead(201).end(),
    options,
  )
  process.send!(origin)
}
