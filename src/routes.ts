import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Admission, createAdmission } from './access/admission.ts'
import { requireScope, scopeOf } from './access/authenticate.ts'
import type { KeyRing } from './access/key-ring.ts'
import { createRateLimits, type RateLimits } from './access/rate-limits.ts'
import { registerAppRoutes } from './apps/app-routes.ts'
import { registerIdentityRoutes } from './apps/identity-routes.ts'
import type { KnownApps } from './apps/known-apps.ts'
import { registerDeliveryLogRoutes } from './deliveries/log/delivery-log-routes.ts'
import { registerEventRoutes } from './deliveries/log/event-routes.ts'
import { registerTestDeliveryRoute } from './deliveries/test/test-delivery-route.ts'
import type { Deps } from './deps.ts'
import { eventRequests } from './events/event-schema.ts'
import { registerStreamRoutes, type StreamSettings } from './events/stream/stream-routes.ts'
import { registerGuideRoutes } from './guide/guide-routes.ts'
import { registerMcpRoutes } from './mcp/mcp-routes.ts'
import { registerNotificationRoutes } from './notifications/notification-routes.ts'
import { refusals } from './platform/errors.ts'
import { describeIssue, requireIds } from './platform/http/fields.ts'
import { registerHealthRoutes, registerMetricsRoute } from './platform/http/health-routes.ts'
import { registerHomePage } from './platform/http/home-page.ts'
import { ownUrl } from './platform/http/own-url.ts'
import { registerReferencePage } from './platform/http/reference-page.ts'
import type { Server } from './platform/http/server.ts'
import { registerOpenapi } from './platform/openapi/openapi.ts'
import { registerReplayRoutes } from './replays/replay-routes.ts'
import { registerSdkRoutes } from './sdk/sdk-routes.ts'
import { registerPublicRoutes } from './subscribers/public/public-routes.ts'
import { createRegistrar, type Registrar } from './subscribers/registrar.ts'
import { registerSubscriberRoutes } from './subscribers/subscriber-routes.ts'
import { registerTrackingRoutes } from './tracking/tracking-routes.ts'
import { registerHealthReportRoutes } from './webhooks/health/health-routes.ts'
import { registerSecretRoutes } from './webhooks/secrets/secret-routes.ts'
import { registerWebhookRoutes } from './webhooks/webhook-routes.ts'

const tags = [
  { name: 'apps', description: 'An app has subscribers, notifications, webhooks and a VAPID key pair.' },
  { name: 'subscribers', description: 'Browsers and devices that can be pushed to.' },
  { name: 'notifications', description: 'Messages that are pushed to an audience of subscribers.' },
  { name: 'tracking', description: 'Where devices report what became of a push. They take no key.' },
  { name: 'webhooks', description: 'Where an app sends its events, and how.' },
  { name: 'deliveries', description: 'What webhooks were sent, and what they answered.' },
  { name: 'replays', description: 'Events delivered again to a webhook that missed them.' },
  { name: 'events', description: 'What happened in an app, and what webhooks receive.' },
  {
    name: 'operations',
    description: 'For orchestrators and scrapers. They take no key and have no rate limit.',
  },
]

/** What only the routes use is no part of `Deps`: parts below them would import each other by way of it. */
export interface RouteDeps extends Deps {
  keys: KeyRing
  apps: KnownApps
}

/**
 * Registers all routes under their prefixes.
 *
 * @param streams overrides of the default settings for event streams
 */
export async function registerRoutes(
  server: Server,
  deps: RouteDeps,
  streams: Partial<StreamSettings> = {},
): Promise<void> {
  z.config({ customError: describeIssue })
  const { publicUrl } = deps.config
  const describe = registerOpenapi(server, { version: deps.version, tags, webhooks: eventRequests })
  server.decorateRequest('app')
  registerHealthRoutes(server, deps)
  if (deps.config.metricsPort === undefined) registerMetricsRoute(server, deps)
  server.get('/openapi.json', { schema: { hide: true } }, async (request) =>
    describe(ownUrl(request, publicUrl)),
  )
  registerReferencePage(server)
  registerGuideRoutes(server, publicUrl)
  registerHomePage(server, deps)
  registerSdkRoutes(server, deps)
  const limits = createRateLimits({
    limits: deps.config.rateLimits,
    clock: deps.clock,
    log: deps.log,
    shared: deps.backend === 'postgres' ? deps.db : undefined,
  })
  server.addHook('onClose', () => limits.stop())
  await scope(server, '/api/v1/push/track', (tracking) => registerTrackingRoutes(tracking, deps, limits))
  // Registrations by pages and by the API share one registrar, and so its transactions.
  const registering = { ...deps, registrar: createRegistrar(deps) }
  await scope(server, '/api/v1/push/public', (pages) => registerPublicRoutes(pages, registering, limits))
  const admission = createAdmission(deps, limits)
  await scope(server, '/api/v1', (api) => registerApi(api, registering, { limits, admission }, streams))
  await scope(server, '', (mcp) =>
    registerMcpRoutes(mcp, deps, {
      admission,
      describe: () => describe(''),
      inject: (options) => server.inject(options),
    }),
  )
}

/** Registers routes below a prefix, with hooks and an error handler of their own. */
async function scope(server: Server, prefix: string, register: (scope: Server) => void): Promise<void> {
  await server.register(async (scope) => register(scope as unknown as Server), { prefix })
}

function registerApi(
  api: Server,
  deps: RouteDeps & { registrar: Registrar },
  { limits, admission }: { limits: RateLimits; admission: Admission },
  streams: Partial<StreamSettings>,
): void {
  // The caller is checked before the route, so that an unknown route answers like a known one until then.
  const admit = async (request: FastifyRequest, reply: FastifyReply) => {
    await admission.admit(request, reply)
    const { scope, strict } = request.routeOptions.config
    requireScope(request.scopes, scope)
    if (strict === true) limits.take('strict', request.teamId, reply)
    requireIds(request.params)
  }
  api.addHook('onRoute', (route) => {
    route.config = { ...route.config, scope: scopeOf(route.method) }
  })
  api.addHook('onRequest', admit)
  api.addHook('preHandler', (request, reply, done) => {
    const { strict } = request.routeOptions.config
    if (typeof strict === 'object') {
      const rows = (request.body as Record<string, unknown[]>)[strict.rowsIn]!.length
      limits.take('strict', request.teamId, reply, rows)
    }
    done()
  })
  api.addHook('preHandler', async (request) => {
    const { app_id: appId } = request.params as { app_id?: string }
    if (appId !== undefined) request.app = await deps.apps.require(request.teamId, appId)
  })
  api.setNotFoundHandler(async () => {
    throw refusals.notFound()
  })
  registerAppRoutes(api, deps)
  registerIdentityRoutes(api, deps)
  registerSubscriberRoutes(api, deps)
  registerNotificationRoutes(api, deps)
  registerWebhookRoutes(api, deps)
  registerDeliveryLogRoutes(api, deps)
  registerReplayRoutes(api, deps)
  registerTestDeliveryRoute(api, deps)
  registerEventRoutes(api, deps)
  registerSecretRoutes(api, deps)
  registerHealthReportRoutes(api, deps)
  registerStreamRoutes(api, deps, streams)
}
