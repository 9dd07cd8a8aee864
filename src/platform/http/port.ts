import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { ConfigError } from '../config-error.ts'
import type { Server } from './server.ts'

/** Where to listen. `setting` is the variable that holds the port. */
interface Address {
  setting: 'PORT' | 'KRAFTER_METRICS_PORT'
  host: string
  port: number
}

/** Where the API listens. */
export function apiAddress({ host, port }: { host: string; port: number }): Address {
  return { setting: 'PORT', host, port }
}

/** Where the metrics server listens; undefined: metrics have no separate port. */
export function metricsAddress({
  host,
  metricsPort,
}: {
  host: string
  metricsPort: number | undefined
}): Address | undefined {
  return metricsPort === undefined ? undefined : { setting: 'KRAFTER_METRICS_PORT', host, port: metricsPort }
}

/**
 * Opens the port before the service starts, so that a start that fails because of the port changes nothing. Connections
 * are closed until the service listens.
 *
 * @returns a function that releases the port, for {@link listen}
 * @throws ConfigError when the port cannot be opened
 */
export async function holdPort(address: Address): Promise<() => Promise<void>> {
  const holder = createServer((socket) => socket.destroy())
  try {
    await once(holder.listen(address.port, address.host), 'listening')
  } catch (cause) {
    throw new ConfigError(listenError(address, cause as NodeJS.ErrnoException), { cause })
  }
  return async () => {
    if (holder.listening) await once(holder.close(), 'close')
  }
}

/**
 * Serves on the port.
 *
 * @returns the address as a URL; for port 0, with the port that the system chose
 * @throws ConfigError when the port cannot be opened
 */
export async function listen(server: Server, address: Address): Promise<string> {
  try {
    await server.listen({ port: address.port, host: address.host })
  } catch (cause) {
    throw new ConfigError(listenError(address, cause as NodeJS.ErrnoException), { cause })
  }
  const { port } = server.server.address() as AddressInfo
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `http://${host}:${port}`
}

function listenError({ setting, host, port }: Address, cause: NodeJS.ErrnoException): string {
  if (cause.code === 'EADDRINUSE')
    return `${setting} ${port} is in use on ${host}: choose another with ${setting}`
  if (cause.code === 'EACCES')
    return `${setting} ${port} may not be opened by this user: choose one above 1023`
  return `HOST ${host} cannot be listened on: ${cause.message}`
}
