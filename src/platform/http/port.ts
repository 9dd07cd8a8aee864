import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { ConfigError } from '../config-error.ts'
import type { Server } from './server.ts'

type PortSetting = 'PORT' | 'KRAFTER_METRICS_PORT'

/**
 * Keeps a port from others until a server listens on it. It is opened before the service starts, so that a start that
 * fails because of the port changes nothing. Connections are closed until the service listens.
 *
 * @param setting the variable that holds the port
 * @throws ConfigError when the port cannot be opened
 */
export async function holdPort(setting: PortSetting, host: string, port: number) {
  const refuse = (cause: NodeJS.ErrnoException) => {
    throw new ConfigError(listenError(setting, host, port, cause), { cause })
  }
  const holder = createServer((socket) => socket.destroy())
  await once(holder.listen(port, host), 'listening').catch(refuse)
  const release = async () => {
    if (holder.listening) await once(holder.close(), 'close')
  }
  return {
    /**
     * Serves on the port.
     *
     * @returns the address as a URL; for port 0, with the port that the system chose
     * @throws ConfigError when the port cannot be opened
     */
    async listen(server: Server): Promise<string> {
      await release()
      await server.listen({ port, host }).catch(refuse)
      const address = server.server.address() as AddressInfo
      return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
    },
    release,
  }
}

function listenError(setting: PortSetting, host: string, port: number, cause: NodeJS.ErrnoException): string {
  if (cause.code === 'EADDRINUSE')
    return `${setting} ${port} is in use on ${host}: choose another with ${setting}`
  if (cause.code === 'EACCES')
    return `${setting} ${port} may not be opened by this user: choose one above 1023`
  return `HOST ${host} cannot be listened on: ${cause.message}`
}
