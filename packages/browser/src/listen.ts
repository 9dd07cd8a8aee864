import { messageField, type PushEventMessage } from './push-event.ts'

export interface PushListeners {
  /** A push was shown while this page is open. */
  received?: (event: PushEventMessage) => void
  /** A notification, or one of its actions, was clicked. With `match: 'origin'` the page may go to `url` itself. */
  clicked?: (event: PushEventMessage) => void
}

/**
 * Hears what happens to notifications while the page is open.
 *
 * @returns stops it
 */
export function listen(listeners: PushListeners): () => void {
  if (typeof navigator !== 'object' || !('serviceWorker' in navigator)) return () => {}
  const hear = ({ data }: MessageEvent) => {
    const event: PushEventMessage | undefined = data?.[messageField]
    if (event) listeners[event.type]?.(event)
  }
  navigator.serviceWorker.addEventListener('message', hear)
  // Otherwise messages wait until the page has loaded.
  navigator.serviceWorker.startMessages()
  return () => navigator.serviceWorker.removeEventListener('message', hear)
}
