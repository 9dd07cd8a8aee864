import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** Ways to a database and to a receiver that a test can cut. */
export interface Network {
  database: TcpProxy
  receiver: TcpProxy
  /** The receiver's origin by its way. */
  receiverOrigin: string
  /** Makes a service take the way to the database. */
  env: { DATABASE_URL: string }
  stop(): Promise<void>
}

export async function startNetwork(databaseUrl: string, receiverOrigin: string): Promise<Network> {
  const [database, receiver] = await Promise.all([databaseUrl, receiverOrigin].map(toProxy))
  return {
    database: database!,
    receiver: receiver!,
    receiverOrigin: throughProxy(receiverOrigin, receiver!).origin,
    env: { DATABASE_URL: throughProxy(databaseUrl, database!).href },
    stop: async () => void (await Promise.all([database!.stop(), receiver!.stop()])),
  }
}

function toProxy(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url)
  return startTcpProxy({ host: hostname, port: Number(port) })
}

function throughProxy(url: string, { port }: TcpProxy): URL {
  const changed = new URL(url)
  changed.port = String(port)
  return changed
}
