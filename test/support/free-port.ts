import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Systems give out ports above these by themselves, to listeners without a port and to clients. */
const [lowest, highest] = [12_000, 32_000]

/** A port of 127.0.0.1 at which nobody listens, and which the system gives to nobody meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
