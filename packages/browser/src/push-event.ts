/** The message that the worker posts to open pages. */
export interface PushEventMessage {
  /** `received`: a push was shown; `clicked`: the notification, or one of its actions, was clicked. */
  type: 'received' | 'clicked'
  /** The notification's id. */
  id: string
  appId: string
  title: string
  body: string
  /** The URL that the click opens; null when it opens nothing. */
  url: string | null
  /** The action that was clicked; empty: the notification itself. */
  action: string
  /** The notification's `data`, as it was sent. */
  data: Record<string, unknown>
}

/** The field that marks our messages, because other scripts post messages to pages, too. */
export const messageField = 'krafterPushEvent'
