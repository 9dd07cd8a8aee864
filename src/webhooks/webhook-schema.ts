import { z } from 'zod'
import { eventTypeField } from '../events/event-schema.ts'
import { toTimestamp, toTimestampOrNull } from '../platform/clock.ts'
import {
  createdAt,
  defineShape,
  groupedBy,
  idOf,
  one,
  pageOf,
  timestampField,
  updatedAt,
} from '../platform/http/answers.ts'
import { describedAs } from '../platform/openapi/components.ts'
import { defaultBatchBytes } from './batch-size.ts'
import type { Filter } from './filter.ts'
import { describedFilter } from './filter-schema.ts'
import { signatureField } from './secrets/webhook-secrets.ts'
import type { Webhook } from './webhook-reader-store.ts'
import { orderedDocs, traceparentDocs } from './webhook-settings.ts'

/** Shown in place of a header's value, which may be a secret. */
export const maskedValue = '***'

/** A webhook as the API shows it, in the contract's order and never with its secret. */
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
    traceparent: webhook.traceparent,
  }
}

export const webhookShape = defineShape<ReturnType<typeof presentWebhook>>(
  'Webhook',
  z
    .object({
      id: idOf('webhook'),
      app_id: idOf('app'),
      url: z.string().meta({ format: 'uri', description: 'Where events are sent.' }),
      events: z.array(eventTypeField).describe('The events that are sent.'),
      enabled: z.boolean().describe('Whether events are sent.'),
      failure_count: z.int().describe('Failed attempts since the last success.'),
      created_at: createdAt,
      updated_at: updatedAt,
      disabled_at: timestampField.nullable().describe('When it was disabled; null: it is enabled.'),
      disabled_reason: z.string().nullable().describe('Why it is disabled, in words; null: it is enabled.'),
      last_triggered_at: timestampField.nullable().describe('When an attempt last started; null: never.'),
      description: z.string().nullable().describe('A note for people.'),
      retry_schedule: z
        .array(z.int())
        .nullable()
        .describe('Seconds to wait before each further attempt; null: the schedule of the install.'),
      rate_limit: z.int().nullable().describe('Requests per second, at most; null: no limit.'),
      max_in_flight: z
        .int()
        .nullable()
        .describe('Attempts at the same time, at most; null: the limit of the service.'),
      headers: z
        .record(z.string(), z.string())
        .describe('Headers that are sent with each attempt; values are masked.'),
      filter: describedFilter
        .nullable()
        .describe('Only events that match it are delivered; null: all events.'),
      batch: z
        .object({ max_events: z.int(), max_wait_ms: z.int(), max_bytes: z.int() })
        .meta(describedAs('WebhookBatch'))
        .nullable()
        .describe('Several events in one request; null: one event per request.'),
      ordered: z.union([z.boolean(), z.literal('subscriber_id')]).meta(orderedDocs),
      auto_recover: z
        .boolean()
        .describe('Whether it is probed and enabled again after failures disabled it.'),
      signature: signatureField,
      public_key: z
        .string()
        .nullable()
        .describe('The key that verifies Ed25519 signatures (`v1a`); null with `hmac`.'),
      previous_secret_expires_at: timestampField
        .nullable()
        .describe('Until when the secret before the last rotation signs as well; null: it does not.'),
      ca_pem: z
        .string()
        .nullable()
        .describe('Certificates in PEM to trust for its deliveries; null: the public authorities.'),
      traceparent: z.boolean().meta(traceparentDocs),
    })
    .describe('Where an app sends its events, and how.'),
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
    traceparent: false,
  },
)

/** The API description of the webhook routes. */
export const webhookDocs = groupedBy('webhooks', {
  list: {
    operationId: 'listWebhooks',
    summary: 'List webhooks',
    answers: {
      200: pageOf(webhookShape, 'The webhooks of the app, oldest first. Their secrets are never shown.'),
    },
  },
  create: {
    operationId: 'createWebhook',
    summary: 'Create a webhook',
    description: 'The webhook receives the named events from now on.',
    bodyExample: {
      url: 'https://shop.example/hooks/krafter',
      events: ['notification.sent'],
      secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    },
    answers: { 201: one(webhookShape, 'The webhook. Its secret is never shown.') },
  },
  read: {
    operationId: 'readWebhook',
    summary: 'Read a webhook',
    answers: { 200: one(webhookShape, 'The webhook.') },
  },
  update: {
    operationId: 'updateWebhook',
    summary: 'Change a webhook',
    description: 'Only the given fields change. Null sets a field back to its default.',
    bodyExample: { enabled: true },
    answers: { 200: one(webhookShape, 'The webhook after the change.') },
  },
  delete: {
    operationId: 'deleteWebhook',
    summary: 'Delete a webhook',
    answers: { 204: { description: 'The webhook is deleted. No further attempt starts.' } },
  },
})
