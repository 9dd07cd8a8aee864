import { messageField, type PushEventMessage } from './push-event.ts'

export interface PushListeners {
  /** A push was shown while this page is open. */
  received?: (event: PushEventMessage) => void
  /** A notification, or one of its actions, was clicked. With `match: 'origin'` the page can open `url` itself. */
  clicked?: (event: PushEventMessage) => void
}

/**
 * Listens for received and clicked notifications while the page is open.
 *
 * @returns a function that stops listening
 */
export function listen(listeners: PushListeners): () => void {
  if (typeof navigator !== 'object' || !('serviceWorker' in navigator)) return () => {}
  const hear = ({ data }: MessageEvent) => {
    const event: PushEventMessage | undefined = data?.[messageField]
    if (event) listeners[event.type]?.(event)
  }
  navigator.serviceWorker.addEventListener('message', hear)
  // Without startMessages(), messages are queued until the page has loaded.
  navigator.serviceWorker.startMessages()
  return () => navigator.serviceWorker.removeEventListener('message', hear)
}
