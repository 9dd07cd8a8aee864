import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { RateLimits } from '../../access/rate-limits.ts'
import type { KnownApp } from '../../apps/app-store.ts'
import type { KnownApps } from '../../apps/known-apps.ts'
import { allowsOrigin } from '../../apps/public-registration.ts'
import type { Deps } from '../../deps.ts'
import { ApiError, refusals } from '../../platform/errors.ts'
import { clientOf } from '../../platform/http/client-address.ts'
import { allowCrossOrigin, answerPreflights, refuseCrossOrigin } from '../../platform/http/cross-origin.ts'
import { attributeStatements } from '../../platform/http/request-statements.ts'
import type { Server } from '../../platform/http/server.ts'
import type { Registrar } from '../registrar.ts'
import { findPairs } from '../registration-request.ts'
import { browserFields, checkPublicRegistration, publicRegistrationBody } from './public-request.ts'
import { keyField, presentPublicSubscriber, publicDocs } from './public-schema.ts'
import { unsubscribeBrowser } from './unsubscribe-browser.ts'

/** Room for a subscription, two tokens and a user, with some to spare. */
const bodyLimitBytes = 32_768
/** Two hours, the longest time that Chromium caches a preflight. */
const preflightSeconds = 7_200

type PublicDeps = Pick<Deps, 'db' | 'clock' | 'config' | 'crypto' | 'guard'> & {
  apps: KnownApps
  registrar: Registrar
}

/**
 * The routes where pages register their browsers without a backend, with the app's publishable key, from the origins
 * that the app allows. The key is in the query, because a preflight carries nothing else.
 *
 * @param server a separate scope that asks for no API key
 */
export function registerPublicRoutes(server: Server, deps: PublicDeps, limits: RateLimits): void {
  server.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers
    reply.header('vary', 'origin')
    if (origin !== undefined) allowCrossOrigin(reply, origin)
    try {
      limits.take('public', clientOf(request.ip), reply)
      request.app = await admit(deps, request)
      attributeStatements(request, request.app.teamId)
    } catch (error) {
      if (isNotAdmitted(error)) refuseCrossOrigin(reply)
      // A page cannot read a failed preflight. The next request fails for the same reason, and the page can read that.
      else if (request.method === 'OPTIONS') return
      throw error
    }
  })
  const querystring = z.object({ key: keyField })
  const route = { config: { publishable: true }, bodyLimit: bodyLimitBytes }
  server.get('/app', { ...route, schema: { ...publicDocs.app, querystring } }, async ({ app }) => ({
    data: { app_id: app.id, vapid_public_key: app.vapidPublicKey },
  }))
  server.post(
    '/subscribers',
    { ...route, schema: { ...publicDocs.register, querystring, body: publicRegistrationBody } },
    async (request, reply) => {
      const { app } = request
      const checked = await checkPublicRegistration(deps, app, request.body)
      const [registration] = await findPairs(deps.db, app.id, [checked])
      if (registration instanceof Error) throw registration
      const { subscriber, created } = await deps.registrar.add(deps, registration!)
      return reply.code(created ? 201 : 200).send({ data: presentPublicSubscriber(subscriber) })
    },
  )
  server.post(
    '/unsubscribe',
    { ...route, schema: { ...publicDocs.unsubscribe, querystring, body: z.object(browserFields) } },
    async (request, reply) => {
      await unsubscribeBrowser(deps, request.app.id, request.body)
      return reply.code(204).send()
    },
  )
  answerPreflights(server, '/:path', 'GET, POST', preflightSeconds)
}

/**
 * Finds the app, for pages of an allowed origin. Browsers omit `Origin` on a GET to the page's own origin, and send it
 * with every other request that another site could cause.
 *
 * @throws 401 for an unknown key, 403 for an origin that is not allowed
 */
async function admit(
  { apps }: { apps: KnownApps },
  { query, headers: { origin }, method }: FastifyRequest,
): Promise<KnownApp> {
  const { key } = query as { key?: unknown }
  const app = keyField.safeParse(key).success ? await apps.findByPublishableKey(key as string) : undefined
  if (!app) throw refusals.unknownPublishableKey()
  const { publicRegistration } = app
  if (!publicRegistration) throw refusals.originNotAllowed()
  if (origin === undefined && method === 'GET') return app
  if (!allowsOrigin(publicRegistration.origins, origin)) throw refusals.originNotAllowed()
  return app
}

/** Whether the key or origin is refused. Pages may read other errors: the app is unknown or the origin allowed. */
function isNotAdmitted(error: unknown): boolean {
  return error instanceof ApiError && [401, 403].includes(error.shape.status)
}
