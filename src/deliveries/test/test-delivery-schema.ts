import { z } from 'zod'
import { defineShape, one, type RouteDocs } from '../../platform/http/answers.ts'
import { attemptFields } from '../log/delivery-log-schema.ts'
import type { TestDelivery } from './test-delivery.ts'

/** A test delivery as the API shows it; the values of the webhook's own headers may be secrets. */
export function presentTest({ durationMs, outcome, requestHeaders }: TestDelivery) {
  return {
    status: outcome.status,
    duration_ms: durationMs,
    error: outcome.error as string | null,
    reason: outcome.reason,
    response_body: outcome.responseBody,
    request_headers: requestHeaders,
  }
}

export const testDeliveryShape = defineShape<ReturnType<typeof presentTest>>(
  'TestDelivery',
  z
    .object({
      ...attemptFields,
      request_headers: z
        .record(z.string(), z.string())
        .meta({ description: "The headers of the request; values of the webhook's own headers are masked." }),
    })
    .describe('A test delivery and its answer.'),
  {
    status: 204,
    duration_ms: 41,
    error: null,
    reason: null,
    response_body: null,
    request_headers: {
      authorization: '***',
      'content-type': 'application/json',
      'user-agent': 'Krafter-Push/0.1.0',
      'x-krafter-event': 'notification.sent',
      'x-krafter-webhook-id': '5f0f3a0e-6a5b-4c1d-9e8f-7a6b5c4d3e2f',
      'webhook-id': '01996d62-d0e7-7f18-95ab-c3d2e4f60718',
      'webhook-timestamp': '1780301221',
      'x-krafter-test': 'true',
    },
  },
)

/** The OpenAPI description of test deliveries. */
export const testDeliveryDocs = {
  operationId: 'testWebhook',
  summary: 'Send a test delivery and wait for the answer',
  description:
    'Sends a sample of an event with the headers of a real delivery and `x-krafter-test: true`. It works on a disabled webhook too, and is neither logged nor counted as a failure. The request counts in the `strict` rate limit.',
  tags: ['webhooks'],
  bodyExample: { event: 'notification.sent' },
  answers: { 200: one(testDeliveryShape, 'What the receiver answered, or why there was no answer.') },
} satisfies RouteDocs
