/** The platforms that subscribers may have. */
export const platforms = ['web', 'ios', 'android'] as const

export type Platform = (typeof platforms)[number]

/** The content of a notification, as the API received it. */
export interface MessageContent {
  body?: string | null
  icon?: string | null
  image?: string | null
  url?: string | null
  actions?: { title: string; action: string; url?: string | null }[] | null
  data?: Record<string, unknown> | null
  platform_overrides?: Partial<Record<Platform, Record<string, unknown>>> | null
}
