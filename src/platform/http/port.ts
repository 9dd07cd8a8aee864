import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type Config, ConfigError } from '../../config/config.ts'
import type { Server } from './server.ts'

type Address = Pick<Config, 'host' | 'port'>

/**
 * Takes the port before there is anything to serve, so that a start that cannot have it has changed nothing. Who
 * connects meanwhile is turned away.
 *
 * @returns gives it up, for {@link listen}
 * @throws ConfigError when it cannot be had
 */
export async function holdPort(address: Address): Promise<() => Promise<void>> {
  const holder = createServer((socket) => socket.destroy())
  try {
    await once(holder.listen(address), 'listening')
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
 * @returns the address as a URL, with the port that it has become where 0 was asked for
 * @throws ConfigError when it cannot be had
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

function listenError({ host, port }: Address, cause: NodeJS.ErrnoException): string {
  if (cause.code === 'EADDRINUSE') return `PORT ${port} is in use on ${host}: choose another with PORT`
  if (cause.code === 'EACCES') return `PORT ${port} may not be opened by this user: choose one above 1023`
  return `HOST ${host} cannot be listened on: ${cause.message}`
}
