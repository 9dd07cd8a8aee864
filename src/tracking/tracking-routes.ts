import type { FastifyRequest } from 'fastify'
import type { RateLimits } from '../access/rate-limits.ts'
import { readToken, trackingPurpose } from '../channels/web-push/tracking-token.ts'
import type { Deps } from '../deps.ts'
import { ApiError } from '../platform/errors.ts'
import { clientOf } from '../platform/http/client-address.ts'
import type { Server } from '../platform/http/server.ts'
import { unsubscribe } from '../subscribers/unsubscribe.ts'
import { createReceiptBuffer } from './receipt-buffer.ts'
import { type ReceiptKind, readReportBody } from './report.ts'
import { clickBody, reportBody, trackingDocs } from './tracking-schema.ts'

/** A token and an action, with room. */
const bodyLimitBytes = 4_096
/** How long a browser need not ask again whether it may: a day. Chromium keeps it for two hours. */
const preflightSeconds = '86400'

type TrackingDeps = Pick<Deps, 'db' | 'queue' | 'clock' | 'config' | 'log' | 'metrics' | 'crypto'>

/**
 * Where devices report: no key, any origin, and always the same answer. What is reported is recorded before it is
 * answered.
 *
 * @param server a scope of its own: bodies are read here as nowhere else
 */
export function registerTrackingRoutes(server: Server, deps: TrackingDeps, limits: RateLimits): void {
  const keys = deps.crypto.deriveKeys(trackingPurpose)
  const receipts = createReceiptBuffer(deps)
  acceptAnyBody(server)
  server.addHook('onRequest', async (request, reply) => {
    reply.header('access-control-allow-origin', '*')
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
      if (push) await unsubscribe(deps, { ...push, id: push.subscriberId }).catch(ignoreGone)
      return reply.code(204).send()
    },
  )
  server.options('/:report', { schema: { hide: true } }, async (_, reply) =>
    reply
      .code(204)
      .headers({
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': 'content-type',
        'access-control-max-age': preflightSeconds,
      })
      .send(),
  )
}

/** `navigator.sendBeacon` and simple cross-origin requests send JSON as text. What is no JSON is no report. */
function acceptAnyBody(server: Server): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser<string>('*', { parseAs: 'string' }, (_, body, done) => {
    done(null, parseOrNull(body))
  })
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The subscriber was deleted: it has left already. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof ApiError && error.shape.status === 404)) throw error
}
