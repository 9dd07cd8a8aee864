import { z } from 'zod'
import { defineShape, one, type RouteDocs, timestampField } from '../../platform/http/answers.ts'
import type { presentHealth } from './health-report-store.ts'

const healthShape = defineShape<ReturnType<typeof presentHealth>>(
  'WebhookHealth',
  z.object({
    window_seconds: z.int(),
    attempts: z.int().meta({ description: 'Of the newest 10,000 deliveries within the window.' }),
    success_rate: z.number().nullable().meta({ description: '0 to 1; null without attempts.' }),
    p50_ms: z.int().nullable(),
    p95_ms: z.int().nullable(),
    oldest_pending_at: timestampField
      .nullable()
      .meta({ description: 'Since when the delivery has waited that waits longest.' }),
  }),
  {
    window_seconds: 86_400,
    attempts: 1_204,
    success_rate: 0.9975,
    p50_ms: 38,
    p95_ms: 121,
    oldest_pending_at: null,
  },
)

/** What the API's description says about the health of webhooks. */
export const healthDocs = {
  read: {
    operationId: 'readWebhookHealth',
    summary: 'How a webhook has answered over the last 24 hours',
    tags: ['webhooks'],
    answers: { 200: one(healthShape, 'Rates and durations of its attempts.') },
  },
} satisfies Record<string, RouteDocs>
