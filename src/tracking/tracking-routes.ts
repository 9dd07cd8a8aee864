import type { FastifyRequest } from 'fastify'
import type { RateLimits } from '../access/rate-limits.ts'
import { readToken, trackingPurpose } from '../channels/web-push/tracking-token.ts'
import type { Deps } from '../deps.ts'
import { clientOf } from '../platform/http/client-address.ts'
import { allowCrossOrigin, answerPreflights } from '../platform/http/cross-origin.ts'
import type { Server } from '../platform/http/server.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import { unsubscribeIfThere } from '../subscribers/unsubscribe.ts'
import { createReceiptBuffer } from './receipt-buffer.ts'
import { type ReceiptKind, readReportBody } from './report.ts'
import { clickBody, reportBody, trackingDocs } from './tracking-schema.ts'

/** Enough bytes for a token and an action, with room to spare. */
const bodyLimitBytes = 4_096

type TrackingDeps = Pick<Deps, 'db' | 'clock' | 'config' | 'log' | 'metrics' | 'crypto'>

/**
 * Registers the routes for reports from devices: no API key, any origin, and always the same answer. A report is
 * recorded before it is answered.
 *
 * @param server a scope of its own, because only these routes accept bodies of any content type
 */
export function registerTrackingRoutes(server: Server, deps: TrackingDeps, limits: RateLimits): void {
  const keys = deps.crypto.deriveKeys(trackingPurpose)
  const receipts = createReceiptBuffer(deps)
  acceptAnyBody(server)
  server.addHook('onRequest', async (request, reply) => {
    allowCrossOrigin(reply, '*')
    if (request.method !== 'OPTIONS') limits.take('public', clientOf(request.ip), reply)
  })
  const read = (request: FastifyRequest) => {
    const { token, action } = readReportBody(request.body)
    const push = readToken(keys, token)
    return push && { push, action }
  }
  const route = { config: { open: true }, bodyLimit: bodyLimitBytes, attachValidation: true }

  const receive = (kind: ReceiptKind, body: typeof reportBody | typeof clickBody) => {
    server.post(`/${kind}`, { ...route, schema: { ...trackingDocs[kind], body } }, async (request, reply) => {
      const { push, action } = read(request) ?? {}
      if (push) {
        const ofClick = kind === 'clicked' && action !== undefined ? { action } : {}
        await receipts.add({ kind, ...push, at: deps.clock.now(), ...ofClick })
      }
      return reply.code(204).send()
    })
  }
  receive('delivered', reportBody)
  receive('clicked', clickBody)
  server.post(
    '/unsubscribed',
    { ...route, schema: { ...trackingDocs.unsubscribed, body: reportBody } },
    async (request, reply) => {
      const { push } = read(request) ?? {}
      if (push) await unsubscribeIfThere(deps, { ...push, id: push.subscriberId })
      return reply.code(204).send()
    },
  )
  // A preflight answer may be cached for a day; Chromium caches it for two hours.
  answerPreflights(server, '/:report', 'POST', 86_400)
}

/** `navigator.sendBeacon` and simple cross-origin requests send JSON as text. Invalid JSON is not a report. */
function acceptAnyBody(server: Server): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser<string>('*', { parseAs: 'string' }, (_, body, done) => {
    done(null, orUndefined(() => JSON.parse(body)) ?? null)
  })
}
