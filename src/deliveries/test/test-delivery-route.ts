import { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { eventTypeField } from '../../events/event-schema.ts'
import { answerOnceAfter } from '../../idempotency/answer-once.ts'
import { documented } from '../../platform/http/answers.ts'
import type { Server } from '../../platform/http/server.ts'
import { sendTestDelivery } from './test-delivery.ts'
import { presentTest, testDeliveryDocs } from './test-delivery-schema.ts'

/** Registers the route that makes a test delivery while the client waits. */
export function registerTestDeliveryRoute(
  server: Server,
  deps: Pick<Deps, 'db' | 'crypto' | 'outbound' | 'clock' | 'config' | 'version' | 'log' | 'traces'>,
): void {
  server.post(
    '/push/apps/:app_id/webhooks/:webhook_id/test',
    {
      config: { strict: true },
      ...documented(testDeliveryDocs, {
        body: z.object({
          event: eventTypeField
            .optional()
            .describe('The event to send a sample of; default: the first that the webhook names.'),
        }),
      }),
    },
    async (request, reply) => {
      const send = () => sendTestDelivery(deps, request.app.id, request.params.webhook_id, request.body.event)
      return answerOnceAfter(send, deps, request, reply, async (_, test) => ({
        status: 200,
        data: presentTest(test),
      }))
    },
  )
}
