/** The platforms that subscribers may have. */
export type Platform = 'web' | 'ios' | 'android'

/** What a notification shows, as the API took it. */
export interface MessageContent {
  body?: string | null
  icon?: string | null
  image?: string | null
  url?: string | null
  actions?: { title: string; action: string; url?: string | null }[] | null
  data?: Record<string, unknown> | null
  platform_overrides?: Partial<Record<Platform, Record<string, unknown>>> | null
}
