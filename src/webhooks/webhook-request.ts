import { z } from 'zod'
import { knownEvent } from '../events/event-schema.ts'
import { maxUrlLength } from '../outbound/address-guard.ts'
import { text } from '../platform/http/fields.ts'
import { secretField, signatureField } from './secrets/webhook-secrets.ts'
import { settingsFields } from './webhook-settings.ts'

const url = text(maxUrlLength).meta({
  format: 'uri',
  description:
    'Where events are sent: `https://` only, at a public address, without a user name or password.',
})
const secret = secretField
  .nullish()
  .describe(
    'What deliveries are signed with: any text, or `whsec_` and 24 to 64 bytes in base64. Without a secret they are not signed.',
  )
const events = z
  .array(knownEvent)
  .max(100)
  .transform((names) => [...new Set(names)])
  .describe('The events to send, each once; none: nothing is sent.')
const enabled = z.boolean().describe('Whether events are sent. Enabling it clears `failure_count`.')

/** The body that creates a webhook. @param maxFilterBytes the maximum size of a filter as JSON */
export const webhookBody = (maxFilterBytes: number) =>
  z.object({
    url,
    secret,
    events: events.default([]),
    enabled: enabled.default(true),
    signature: signatureField.default('hmac'),
    ...settingsFields(maxFilterBytes),
  })

/** The body that changes a webhook. @param maxFilterBytes the maximum size of a filter as JSON */
export const webhookChangeBody = (maxFilterBytes: number) =>
  z.object({
    url: url.optional(),
    secret: secret.describe('Another secret, which signs at once; null or empty: remove it.'),
    events: events.optional(),
    enabled: enabled.optional(),
    signature: signatureField.optional(),
    ...settingsFields(maxFilterBytes),
  })

export type WebhookRequest = z.infer<ReturnType<typeof webhookBody>>
export type WebhookChangeRequest = z.infer<ReturnType<typeof webhookChangeBody>>
