/** A delivery that waits for its next attempt. */
export interface PendingDelivery {
  appId: string
  id: string
  webhookId: string
  /** The webhook's generation when the delivery was created. */
  generation: number
  attemptCount: number
  nextAttemptAt: Date
  eventId: string
  eventType: string
  body: string
  /** The subscriber that the event is about; null: none. */
  orderKey: string | null
  /** Whether the replay was canceled or the event is gone. */
  isCanceled: boolean
}
