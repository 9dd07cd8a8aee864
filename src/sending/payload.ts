import { maxPlaintextBytes } from '../channels/web-push/encrypt.ts'
import { tokenLength } from '../channels/web-push/tracking-token.ts'
import type { NotificationContent, Platform } from '../database.ts'

/** A notification as far as its payload goes. */
export interface PayloadSource {
  id: string
  appId: string
  title: string
  content: NotificationContent
}

/** How push services are to treat a push. */
export interface PushOptions {
  ttlSeconds: number
  urgency: 'very-low' | 'low' | 'normal' | 'high'
  topic: string | null
}

/** Four weeks: what the common push services keep a message for at most. */
export const maxTtlSeconds = 2_419_200

/** Keys of an override that steer the delivery and are not shown. */
const optionKeys = ['ttl', 'urgency', 'topic']

/** The options that `platform_overrides.web` asks for. */
export function pushOptions(content: NotificationContent): PushOptions {
  const { ttl, urgency, topic } = (content.platform_overrides?.web ?? {}) as {
    ttl?: number
    urgency?: PushOptions['urgency']
    topic?: string
  }
  return { ttlSeconds: ttl ?? maxTtlSeconds, urgency: urgency ?? 'normal', topic: topic ?? null }
}

/** Where each subscriber's own token goes. */
const noToken = '-'.repeat(tokenLength)

/**
 * What a device gets: the notification with the app's defaults and the platform's overrides, absent fields left out,
 * and for web, last, `t`, by which the device reports: tracking/tracking-token.ts.
 */
export function payloadOf(
  source: PayloadSource,
  settings: Record<string, unknown>,
  platform: Platform,
): Record<string, unknown> {
  const { body, icon, image, url, actions, data, platform_overrides } = source.content
  const overrides = Object.entries(platform_overrides?.[platform] ?? {}).filter(
    ([key]) => !optionKeys.includes(key),
  )
  const payload = {
    id: source.id,
    app_id: source.appId,
    title: source.title,
    body,
    icon: icon ?? settings.default_icon,
    image,
    url: url ?? settings.default_url,
    actions,
    data,
    ...Object.fromEntries(overrides),
  }
  const present = Object.entries(payload).filter(([, value]) => value !== undefined && value !== null)
  if (platform !== 'web') return Object.fromEntries(present)
  return Object.fromEntries([...present.filter(([key]) => key !== 't'), ['t', noToken]])
}

/** JSON as its bytes, read by the service worker. `tokenAt`: where in it the token goes; null: it has none. */
export function payloadBytes(
  source: PayloadSource,
  settings: Record<string, unknown>,
  platform: Platform,
): { payload: Uint8Array; tokenAt: number | null } {
  const payload = Buffer.from(JSON.stringify(payloadOf(source, settings, platform)))
  const closing = '"}'.length
  return { payload, tokenAt: platform === 'web' ? payload.length - closing - tokenLength : null }
}

/** Of an override's key in a message: it may be as long as a request. */
const maxShownKey = 40

/** The field to shorten when the web payload would not fit into one push (RFC 8291 §4), and what to say of it. */
export function findOversize(
  source: PayloadSource,
  settings: Record<string, unknown>,
): { field: string; message: string } | undefined {
  const payload = payloadOf(source, settings, 'web')
  const sizeOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))
  const bytes = sizeOf(payload)
  if (bytes <= maxPlaintextBytes) return undefined
  const [longest] = Object.keys(payload)
    .filter((key) => key !== 't')
    .sort((a, b) => sizeOf(payload[b]) - sizeOf(payload[a]))
  const overridden = longest! in (source.content.platform_overrides?.web ?? {})
  return {
    field: overridden ? `platform_overrides.web.${longest!.slice(0, maxShownKey)}` : longest!,
    message: `makes the push payload ${bytes} bytes long, at most ${maxPlaintextBytes} fit`,
  }
}
