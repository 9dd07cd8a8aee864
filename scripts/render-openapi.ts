import { readConfig } from '../src/config/config.ts'
import { createCryptoAtRest } from '../src/platform/crypto-at-rest.ts'
import { createHttpServer } from '../src/platform/http/server.ts'
import { createLogger } from '../src/platform/log.ts'
import { type RouteDeps, registerRoutes } from '../src/routes.ts'
import { version } from '../src/version.ts'

/**
 * Renders the API's description, as served at `/openapi.json`, from the routes alone. Registering routes needs neither
 * a listening server nor a database, so neither is started.
 *
 * @returns formatted JSON for openapi.json
 */
export async function renderOpenapi(): Promise<string> {
  const crypto = createCryptoAtRest([Buffer.alloc(32)])
  const deps = {
    config: readConfig({}),
    log: createLogger('error'),
    crypto,
    version,
    draining: new AbortController().signal,
  } as RouteDeps
  const server = await createHttpServer(deps)
  await registerRoutes(server, deps, undefined)
  const answer = await server.inject({ url: '/openapi.json', headers: { host: 'localhost:8080' } })
  await server.close()
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return `${JSON.stringify(answer.json(), null, 2)}\n`
}
