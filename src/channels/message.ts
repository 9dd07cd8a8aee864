import type { MessageContent, Platform } from '../message-content.ts'

/** A notification as channels receive it. Each channel builds its payload from it. */
export interface Message {
  id: string
  appId: string
  title: string
  content: MessageContent
  /** The app's settings, e.g. `default_icon`. */
  appSettings: Record<string, unknown>
  /** When its time to live began. */
  startedAt: Date
}

/** The part of a message that a payload is built from. */
export type ShownMessage = Omit<Message, 'startedAt'>

/** How push services should treat a push. */
export interface DeliveryOptions {
  ttlSeconds: number
  urgency: 'very-low' | 'low' | 'normal' | 'high'
  /** Replaces an undelivered message with the same topic (RFC 8030 §5.4). */
  topic: string | null
}

/** The field to shorten when a payload does not fit into a push, and the error message for it. */
export interface Oversize {
  field: string
  message: string
}

/** Four weeks: the longest time for which the common push services keep a message. */
export const maxTtlSeconds = 2_419_200

/** Keys of an override that control the delivery and are not shown. */
const optionKeys = ['ttl', 'urgency', 'topic']

/** The delivery options that `platform_overrides.web` sets. */
export function deliveryOptions(content: MessageContent): DeliveryOptions {
  const { ttl, urgency, topic } = (content.platform_overrides?.web ?? {}) as {
    ttl?: number
    urgency?: DeliveryOptions['urgency']
    topic?: string
  }
  return { ttlSeconds: ttl ?? maxTtlSeconds, urgency: urgency ?? 'normal', topic: topic ?? null }
}

/**
 * Seconds for which push services may still keep a message, rounded up. Never more than its time to live, even if the
 * clock of the process that accepted the message is ahead: push services refuse more than {@link maxTtlSeconds}.
 */
export function remainingTtl({ content, startedAt }: Message, now: Date): number {
  const { ttlSeconds } = deliveryOptions(content)
  const left = Math.ceil(ttlSeconds - (now.getTime() - startedAt.getTime()) / 1_000)
  return Math.min(ttlSeconds, Math.max(0, left))
}

/**
 * The fields that a device shows: the notification with the defaults of the app and the overrides of the platform.
 * Absent fields are left out.
 */
export function shownFields(
  { id, appId, title, content, appSettings }: ShownMessage,
  platform: Platform,
): Record<string, unknown> {
  const { body, icon, image, url, actions, data, platform_overrides } = content
  // Another program may have stored JSON null.
  const defaults = appSettings ?? {}
  const overrides = Object.entries(platform_overrides?.[platform] ?? {}).filter(
    ([key]) => !optionKeys.includes(key),
  )
  const fields = {
    id,
    app_id: appId,
    title,
    body,
    icon: icon ?? defaults.default_icon,
    image,
    url: url ?? defaults.default_url,
    actions,
    data,
    ...Object.fromEntries(overrides),
  }
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  )
}
