import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Http2ServerResponse } from 'node:http2'
import { fileURLToPath } from 'node:url'
import type { Certificates } from '../src/local-ends/certificates.ts'
import { startTlsServer } from '../src/local-ends/tls-server.ts'
import type { Peer } from './peer.ts'

/** What receivers do that nobody should suffer from but themselves, by path. */
const manners: Record<string, (response: Http2ServerResponse) => void> = {
  '/hang': () => {},
  '/drip': (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const timer = setInterval(() => response.write('.'), 500)
    response.on('close', () => clearInterval(timer))
  },
  '/flood': (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const chunk = Buffer.alloc(16_384, 'x')
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more)
    more()
  },
}

export const badPaths = Object.keys(manners)

/**
 * Receivers that hang, drip and flood, in a process of their own.
 *
 * @param certificates those of the good peer: of two authorities of the same name, OpenSSL tries only the first
 */
export async function startBadPeer(certificates: Certificates): Promise<Peer> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url))
  child.send(certificates)
  const [origin] = (await once(child, 'message')) as [string]
  return { origin, certificates, stop: () => child.kill() }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('disconnect', () => process.exit())
  const [certificates] = (await once(process, 'message')) as [Certificates]
  const { origin } = await startTlsServer(certificates, ({ path }, response) => manners[path]?.(response))
  process.send!(origin)
}
