import { z } from 'zod'
import { maxTtlSeconds } from '../channels/message.ts'
import { refusals } from '../platform/errors.ts'
import { bounded, finite, jsonObject, requiredText, text } from '../platform/http/fields.ts'
import { targetingSchema } from '../subscribers/targeting.ts'
import type { NotificationRequest } from './accept-notifications.ts'
import { priorityField } from './notification-schema.ts'
import { checkShownTogether, shownOptions } from './shown-options.ts'

/** Every field must fit into a push; the exact limit applies to the whole payload. */
const maxFieldLength = 4_000
const field = text(maxFieldLength).nullish()

/** Far above what fits into a push, so that the refusal can name the field that is too long. */
const maxOverridesBytes = 131_072

const webOverrides = bounded(
  maxOverridesBytes,
  z
    .looseObject({
      ...shownOptions,
      ttl: z
        .int()
        .refine((ttl) => ttl >= 0 && ttl <= maxTtlSeconds, `must be 0 to ${maxTtlSeconds} seconds`)
        .meta({ minimum: 0, maximum: maxTtlSeconds, default: maxTtlSeconds })
        .optional()
        .describe('For how many seconds push services keep it for a device that is offline.'),
      urgency: z.enum(['very-low', 'low', 'normal', 'high']).optional().meta({
        default: 'normal',
        description: 'How urgent it is: a device that saves power may receive less urgent pushes later.',
      }),
      topic: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1 to 32 base64url characters')
        .meta({
          description:
            'Replaces an undelivered push with the same topic. Push services with stricter rules (Apple) get a hash of it.',
        })
        .optional(),
    })
    .refine(...finite)
    .superRefine(checkShownTogether),
).meta({
  id: 'WebOptions',
  description:
    'What differs in browsers. Besides these fields, any option of `showNotification` may be given, such as `badge` or `vibrate`.',
})

/** The body of a request to send a notification. */
export const notificationBody = z
  .object({
    title: requiredText(maxFieldLength).describe('The title.'),
    body: field.describe('The text below the title.'),
    icon: field.describe("The URL of an icon; default: the app's `default_icon`."),
    image: field.describe('The URL of a large image.'),
    url: field.describe("What a click opens; default: the app's `default_url`."),
    actions: z
      .array(
        z
          .object({
            title: requiredText(255).describe('The label of the button.'),
            action: requiredText(255).describe('What a click on it is called in `notification.clicked`.'),
            url: field.describe('What a click on it opens; default: the URL of the notification.'),
          })
          .meta({ id: 'NotificationAction', description: 'A button of the notification.' }),
      )
      .max(10)
      .nullish()
      .describe('Buttons. Browsers show two at most.'),
    data: jsonObject(maxFieldLength).nullish().describe('Whatever your page or app needs to know about it.'),
    targeting: targetingSchema
      .nullish()
      .describe('Whom it is for; default: `{"type":"all"}`, every active subscriber of the app.'),
    platform_overrides: z
      .object({
        web: webOverrides.optional(),
        ios: jsonObject(maxFieldLength).optional().describe('What differs on iOS.'),
        android: jsonObject(maxFieldLength).optional().describe('What differs on Android.'),
      })
      .meta({ id: 'PlatformOverrides', description: 'What differs by platform.' })
      .nullish()
      .describe('What differs by platform; null: nothing.'),
    priority: priorityField.nullish().meta({
      default: 'normal',
      description: 'How soon it is sent, compared with other notifications of the app.',
    }),
    status: z.literal('draft').optional().describe('Not supported by this version: drafts are refused.'),
    scheduled_at: z.iso
      .datetime({ offset: true, error: 'must be a timestamp such as 2025-06-01T08:00:00Z' })
      .nullish()
      .describe('Not supported by this version: a time in the future is refused.'),
  })
  .meta({ id: 'CreateNotificationRequest', description: 'What to push, and to whom.' })

/** @throws 422 when the notification is a draft or scheduled for later */
export function toRequest(
  app: NotificationRequest['app'],
  asked: z.output<typeof notificationBody>,
  now: Date,
  traceparent: string | undefined,
): NotificationRequest {
  const { title, targeting, priority, status, scheduled_at: scheduledAt, ...content } = asked
  refuseWhatWouldWait(status, scheduledAt, now)
  return {
    app,
    title,
    content,
    targeting: targeting ?? undefined,
    priority: priority ?? 'normal',
    traceparent,
  }
}

/** Refuses drafts and scheduled notifications: nobody wants them to be sent at once instead. */
function refuseWhatWouldWait(
  status: 'draft' | undefined,
  scheduledAt: string | null | undefined,
  now: Date,
): void {
  if (status) throw refusals.invalid({ status: ['drafts are not supported by this version'] })
  if (scheduledAt && new Date(scheduledAt) > now) {
    throw refusals.invalid({ scheduled_at: ['scheduling is not supported by this version'] })
  }
}
