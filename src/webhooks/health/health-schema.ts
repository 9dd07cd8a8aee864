import { z } from 'zod'
import { toTimestampOrNull } from '../../platform/clock.ts'
import { defineShape, one, type RouteDocs, timestampField } from '../../platform/http/answers.ts'
import { type HealthReport, windowMs } from './health-report-store.ts'

/** A report as the API shows it. */
export function presentHealth({ attempts, succeeded, p50Ms, p95Ms, oldestPendingAt }: HealthReport) {
  return {
    window_seconds: windowMs / 1_000,
    attempts,
    success_rate: attempts === 0 ? null : Math.round((succeeded / attempts) * 10_000) / 10_000,
    p50_ms: p50Ms,
    p95_ms: p95Ms,
    oldest_pending_at: toTimestampOrNull(oldestPendingAt),
  }
}

const healthShape = defineShape<ReturnType<typeof presentHealth>>(
  'WebhookHealth',
  z
    .object({
      window_seconds: z.int().describe('How far back it looks: 24 hours.'),
      attempts: z.int().meta({ description: 'Attempts within the window, of its newest 10,000 deliveries.' }),
      success_rate: z.number().nullable().meta({
        description: 'The share of attempts that succeeded, from 0 to 1; null: there were no attempts.',
        minimum: 0,
        maximum: 1,
      }),
      p50_ms: z.int().nullable().describe('The median duration of an attempt, in milliseconds.'),
      p95_ms: z.int().nullable().describe('The 95th percentile of the durations, in milliseconds.'),
      oldest_pending_at: timestampField.nullable().meta({
        description: 'Since when the oldest pending delivery has been waiting; null: none is pending.',
      }),
    })
    .describe('How a webhook answered lately.'),
  {
    window_seconds: 86_400,
    attempts: 1_204,
    success_rate: 0.9975,
    p50_ms: 38,
    p95_ms: 121,
    oldest_pending_at: null,
  },
)

/** The API description of webhook health. */
export const healthDocs = {
  operationId: 'readWebhookHealth',
  summary: 'Read how a webhook answered over the last 24 hours',
  tags: ['webhooks'],
  answers: { 200: one(healthShape, 'Rates and durations of its attempts.') },
} satisfies RouteDocs
