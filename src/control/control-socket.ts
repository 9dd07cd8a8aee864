import { chmodSync, rmSync } from 'node:fs'
import Fastify from 'fastify'
import type { Logger } from 'pino'
import { type KeyCommands, keyRequest } from '../access/key-commands.ts'
import { parseId } from '../platform/ids.ts'
import { controlPath } from './control-path.ts'

const maxBodyBytes = 16_384
const requestTimeoutMs = 5_000

/**
 * Answers the command line of the same user on a Unix socket (mode 0600) in the data folder: only the process that has
 * the embedded database open can change it. Lock the folder before the call. A socket left by a crash is replaced.
 *
 * On a file system without sockets the service still starts. It logs a warning, and commands need the service stopped.
 *
 * @returns a function that closes the server and removes the socket
 */
export async function openControlSocket(
  dataDir: string,
  keys: KeyCommands,
  log: Logger,
): Promise<() => Promise<void>> {
  const server = Fastify({ bodyLimit: maxBodyBytes, requestTimeout: requestTimeoutMs })
  const path = controlPath(dataDir)
  server.get('/', async () => ({ status: 'ok' }))
  server.post('/keys', async (request, reply) => {
    const given = keyRequest.safeParse(request.body)
    return given.success ? keys.create(given.data) : reply.code(422).send(given.error)
  })
  server.get('/keys', () => keys.list())
  server.delete<{ Params: { id: string } }>('/keys/:id', async (request) => {
    const id = parseId(request.params.id)
    return { revoked: id !== undefined && (await keys.revoke(id)) }
  })
  server.setErrorHandler((error, _, reply) => {
    log.error({ err: error }, 'control.failed')
    return reply.code(500).send({})
  })
  try {
    rmSync(path, { force: true })
    await server.listen({ path })
    chmodSync(path, 0o600)
  } catch (error) {
    log.warn({ err: error }, 'control.unavailable')
  }
  return () => server.close()
}
