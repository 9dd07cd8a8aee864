import { Client } from 'undici'
import type { KeyCommands } from '../access/key-commands.ts'
import { ConfigError } from '../platform/config-error.ts'
import { controlPath } from './control-path.ts'

const answerTimeoutMs = 10_000

/**
 * Looks for a service that has the data folder open and answers on its socket (control-socket.ts).
 *
 * @returns the key commands that it executes; undefined when no service answers
 * @throws ConfigError when the folder belongs to another user
 */
export async function findRunningService(dataDir: string): Promise<KeyCommands | undefined> {
  const path = controlPath(dataDir)
  const ask = async (method: 'GET' | 'POST' | 'DELETE', url: string, body?: unknown) => {
    const options = { socketPath: path, headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs }
    const client = new Client('http://localhost', options)
    try {
      const answer = await client.request({
        method,
        path: url,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      })
      const text = await answer.body.text()
      if (answer.statusCode !== 200) {
        throw new Error(`the running service failed (status ${answer.statusCode}): see its log`)
      }
      return JSON.parse(text)
    } finally {
      await client.close()
    }
  }
  const keys: KeyCommands = {
    create: (given) => ask('POST', '/keys', given),
    list: () => ask('GET', '/keys'),
    revoke: async (id) => (await ask('DELETE', `/keys/${id}`)).revoked,
  }
  try {
    await ask('GET', '/')
    return keys
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    // No service has run in this folder, or it was killed.
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined
    if (code !== 'EACCES') throw cause
    throw new ConfigError(
      `KRAFTER_DATA_DIR ${dataDir} may not be used by this user: run the command as the user that runs the service`,
      { cause },
    )
  }
}
