import type { MessageContent, Platform } from '../message-content.ts'

/** A notification as channels get it; each builds its payload of it. */
export interface Message {
  id: string
  appId: string
  title: string
  content: MessageContent
  /** The app's settings, e.g. `default_icon`. */
  appSettings: Record<string, unknown>
  /** Seconds for which push services keep it: what is left of its time to live. */
  ttlSeconds: number
}

/** How push services are to treat a push. */
export interface DeliveryOptions {
  ttlSeconds: number
  urgency: 'very-low' | 'low' | 'normal' | 'high'
  /** Replaces an undelivered message with the same topic (RFC 8030 §5.4). */
  topic: string | null
}

/** The field to shorten when a payload does not fit into a push, and what to say of it. */
export interface Oversize {
  field: string
  message: string
}

/** Four weeks: what the common push services keep a message for at most. */
export const maxTtlSeconds = 2_419_200

/** Keys of an override that steer the delivery and are not shown. */
const optionKeys = ['ttl', 'urgency', 'topic']

/** The options that `platform_overrides.web` asks for. */
export function deliveryOptions(content: MessageContent): DeliveryOptions {
  const { ttl, urgency, topic } = (content.platform_overrides?.web ?? {}) as {
    ttl?: number
    urgency?: DeliveryOptions['urgency']
    topic?: string
  }
  return { ttlSeconds: ttl ?? maxTtlSeconds, urgency: urgency ?? 'normal', topic: topic ?? null }
}

/** What a device is to show: the notification with the app's defaults and the platform's overrides, absent fields left out. */
export function shownFields(
  { id, appId, title, content, appSettings }: Omit<Message, 'ttlSeconds'>,
  platform: Platform,
): Record<string, unknown> {
  const { body, icon, image, url, actions, data, platform_overrides } = content
  const overrides = Object.entries(platform_overrides?.[platform] ?? {}).filter(
    ([key]) => !optionKeys.includes(key),
  )
  const fields = {
    id,
    app_id: appId,
    title,
    body,
    icon: icon ?? appSettings.default_icon,
    image,
    url: url ?? appSettings.default_url,
    actions,
    data,
    ...Object.fromEntries(overrides),
  }
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  )
}
