import { z } from 'zod'
import { eventTypeField } from '../events/event-schema.ts'
import { toTimestamp, toTimestampOrNull } from '../platform/clock.ts'
import {
  defineShape,
  empty,
  idField,
  one,
  pageOf,
  type RouteDocs,
  timestampField,
} from '../platform/http/answers.ts'
import { defaultBatchBytes } from './batch-size.ts'
import type { Filter } from './filter.ts'
import { describedFilter } from './filter-schema.ts'
import type { Webhook } from './webhook-store.ts'

/** What a header's value is shown as: it may be a secret. */
export const maskedValue = '***'

/** A webhook as the API shows it, in the contract's order; never its secret. */
export function presentWebhook(webhook: Webhook) {
  return {
    id: webhook.id,
    app_id: webhook.appId,
    url: webhook.url,
    events: webhook.events,
    enabled: webhook.enabled,
    failure_count: webhook.failureCount,
    created_at: toTimestamp(webhook.createdAt),
    updated_at: toTimestamp(webhook.updatedAt),
    disabled_at: toTimestampOrNull(webhook.disabledAt),
    disabled_reason: webhook.disabledReason,
    last_triggered_at: toTimestampOrNull(webhook.lastTriggeredAt),
    description: webhook.description,
    retry_schedule: webhook.retrySchedule,
    rate_limit: webhook.rateLimit,
    max_in_flight: webhook.maxInFlight,
    headers: Object.fromEntries(webhook.headerNames.map((name) => [name, maskedValue])),
    filter: webhook.filter as Filter | null,
    batch: webhook.batch && { max_bytes: defaultBatchBytes, ...webhook.batch },
    ordered: webhook.ordered === 'all' || (webhook.ordered ?? false),
    auto_recover: webhook.autoRecover,
    signature: webhook.signature,
    public_key: webhook.publicKey,
    previous_secret_expires_at: toTimestampOrNull(webhook.previousSecretExpiresAt),
    ca_pem: webhook.caPem,
  }
}

export const webhookShape = defineShape<ReturnType<typeof presentWebhook>>(
  'Webhook',
  z.object({
    id: idField,
    app_id: idField,
    url: z.string().meta({ format: 'uri' }),
    events: z.array(eventTypeField),
    enabled: z.boolean(),
    failure_count: z.int().meta({ description: 'Failed attempts since the last success.' }),
    created_at: timestampField,
    updated_at: timestampField,
    disabled_at: timestampField.nullable(),
    disabled_reason: z.string().nullable().meta({ description: 'Why it is disabled, in words.' }),
    last_triggered_at: timestampField.nullable().meta({ description: 'When an attempt last started.' }),
    description: z.string().nullable(),
    retry_schedule: z
      .array(z.int())
      .nullable()
      .meta({ description: 'Seconds between attempts; null: the schedule of the install.' }),
    rate_limit: z.int().nullable().meta({ description: 'Deliveries per second; the excess waits.' }),
    max_in_flight: z.int().nullable().meta({ description: 'Attempts at a time.' }),
    headers: z.record(z.string(), z.string()).meta({ description: 'Sent with each attempt; values masked.' }),
    filter: describedFilter.nullable(),
    batch: z
      .object({ max_events: z.int(), max_wait_ms: z.int(), max_bytes: z.int() })
      .nullable()
      .meta({ description: 'Several events in one request.' }),
    ordered: z.union([z.boolean(), z.literal('subscriber_id')]).meta({
      description:
        'One delivery at a time, in the order of the events: of the webhook, or of each subscriber. One that fails holds the later ones back until it has ended.',
    }),
    auto_recover: z.boolean().meta({ description: 'Whether a probe may enable it again.' }),
    signature: z.enum(['hmac', 'ed25519']),
    public_key: z.string().nullable().meta({ description: 'What verifies Ed25519 signatures (`v1a`).' }),
    previous_secret_expires_at: timestampField
      .nullable()
      .meta({ description: 'Until when the secret before the last rotation signs too.' }),
    ca_pem: z.string().nullable().meta({
      description:
        'The certificates (PEM) that are trusted for its deliveries; null: the public authorities.',
    }),
  }),
  {
    id: '01996d60-5b2e-7a4c-8e0d-2f7c3a9b5d42',
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    url: 'https://shop.example/hooks/krafter',
    events: ['notification.sent'],
    enabled: true,
    failure_count: 0,
    created_at: '2026-06-01T08:05:00Z',
    updated_at: '2026-06-01T08:05:00Z',
    disabled_at: null,
    disabled_reason: null,
    last_triggered_at: '2026-06-01T08:07:01Z',
    description: 'Orders',
    retry_schedule: null,
    rate_limit: null,
    max_in_flight: null,
    headers: { authorization: '***' },
    filter: null,
    batch: null,
    ordered: false,
    auto_recover: false,
    signature: 'hmac',
    public_key: null,
    previous_secret_expires_at: null,
    ca_pem: null,
  },
)

const tags = ['webhooks']

/** What the API's description says about the routes of webhooks. */
export const webhookDocs = {
  list: {
    operationId: 'listWebhooks',
    summary: 'List webhooks',
    tags,
    answers: {
      200: pageOf(
        webhookShape,
        'The webhooks of the app, oldest first: all of them, up to `limit`. Never their secrets.',
      ),
    },
  },
  create: {
    operationId: 'createWebhook',
    summary: 'Make a webhook',
    description:
      'It receives the named events from this moment. Without a secret, deliveries are not signed.',
    tags,
    bodyExample: {
      url: 'https://shop.example/hooks/krafter',
      events: ['notification.sent'],
      secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    },
    answers: { 201: one(webhookShape, 'The webhook; its secret is in no answer.') },
  },
  read: {
    operationId: 'readWebhook',
    summary: 'Read a webhook',
    tags,
    answers: { 200: one(webhookShape, 'The webhook.') },
  },
  update: {
    operationId: 'updateWebhook',
    summary: 'Change a webhook',
    description:
      'Only the given fields change. A null or empty secret removes it; enabling clears failure_count.',
    tags,
    bodyExample: { enabled: true },
    answers: { 200: one(webhookShape, 'The webhook as it is now.') },
  },
  delete: {
    operationId: 'deleteWebhook',
    summary: 'Delete a webhook; no attempt starts after it',
    tags,
    answers: { 204: empty('It is gone.') },
  },
} satisfies Record<string, RouteDocs>
