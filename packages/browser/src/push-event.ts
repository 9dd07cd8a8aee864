/** What the worker tells the open pages. */
export interface PushEventMessage {
  /** `received`: a push was shown; `clicked`: the notification, or one of its actions, was clicked. */
  type: 'received' | 'clicked'
  /** The notification's. */
  id: string
  appId: string
  title: string
  body: string
  /** Where the click leads; null where it leads nowhere. */
  url: string | null
  /** The action that was clicked; empty: the notification itself. */
  action: string
  /** What was given as `data`. */
  data: Record<string, unknown>
}

/** The field of a message that is ours: other scripts post to pages, too. */
export const messageField = 'krafterPushEvent'
