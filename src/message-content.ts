/** The platforms that subscribers may have. */
export type Platform = 'web' | 'ios' | 'android'

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
