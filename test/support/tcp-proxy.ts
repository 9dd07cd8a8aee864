import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands between a client and a server, and lets a test do what networks do. */
export interface TcpProxy {
  port: number
  /** The connections that are open now pass nothing on any more, in either direction, and nobody is told. */
  swallow(): void
  /** Ends all connections and, while it is away, every new one as well. */
  setAway(away: boolean): void
  stop(): Promise<void>
}

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<[client: Socket, server: Socket]>()
  let away = false
  const proxy = createServer((client) => {
    client.on('error', () => {})
    if (away) {
      client.resetAndDestroy()
      return
    }
    const server = connect(target)
    const pair: [Socket, Socket] = [client, server]
    pairs.add(pair)
    server.on('error', () => client.destroy())
    client.pipe(server).pipe(client)
    client.on('close', () => {
      pairs.delete(pair)
      server.destroy()
    })
    server.on('close', () => client.destroy())
  })
  const endAll = () => {
    for (const [client, server] of pairs) {
      client.resetAndDestroy()
      server.destroy()
    }
  }
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    swallow() {
      for (const [client, server] of pairs) {
        client.unpipe(server)
        server.unpipe(client)
        for (const socket of [client, server]) {
          socket.removeAllListeners('close')
          // Read and thrown away, so that its sender sees it arrive.
          socket.on('data', () => {})
          socket.resume()
        }
      }
    },
    setAway(now) {
      away = now
      if (away) endAll()
    },
    async stop() {
      endAll()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
