import type { PushOptions } from './options.ts'
import { isSupported, type PushStatus, status } from './page.ts'

/**
 * Why the user cannot get notifications, and what the user can do about it.
 *
 * - `add-to-home-screen`: iOS supports push only for pages on the home screen.
 * - `update`: this iOS is older than 16.4, the first version that supports push for pages.
 * - `unblock`: the user, or the browser, blocked notifications of this site.
 */
export interface Obstacle {
  kind: 'add-to-home-screen' | 'update' | 'unblock'
  /** What to do, in English. */
  steps: string[]
}

/** @returns undefined when `subscribe()` can be offered, or when nothing that the user does would help */
export function findObstacle(): Obstacle | undefined {
  if (isSupported()) {
    return Notification.permission === 'denied' ? { kind: 'unblock', steps: unblockingSteps() } : undefined
  }
  if (typeof navigator !== 'object' || !isIos() || isOnHomeScreen()) return undefined
  const [, major = '17', minor = '0'] = /OS (\d+)_(\d+)/.exec(navigator.userAgent) ?? []
  if (Number(major) + Number(minor) / 10 < 16.4) {
    return {
      kind: 'update',
      steps: ['Open Settings, General, Software Update, and install iOS 16.4 or later.'],
    }
  }
  return {
    kind: 'add-to-home-screen',
    steps: ['Tap the Share button.', 'Choose “Add to Home Screen”.', 'Open the page from the home screen.'],
  }
}

/**
 * Calls the listener when the permission changes, for example when the user unblocks notifications in the settings.
 *
 * @returns a function that stops watching
 */
export function watchStatus(
  listener: (status: PushStatus) => void,
  options: Pick<PushOptions, 'serviceWorker'> = {},
): () => void {
  const stopping = new AbortController()
  const tell = async () => {
    const now = await status(options)
    if (!stopping.signal.aborted) listener(now)
  }
  if (typeof navigator !== 'object') return () => {}
  navigator.permissions?.query({ name: 'notifications' }).then(
    (permission) => permission.addEventListener('change', tell, { signal: stopping.signal }),
    // Older browsers do not know this permission and reject the query.
    () => {},
  )
  return () => stopping.abort()
}

function isIos(): boolean {
  // An iPad claims to be a Mac. A real Mac has no touch screen.
  return (
    /iP(hone|ad|od)/.test(navigator.userAgent) ||
    (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)
  )
}

function isOnHomeScreen(): boolean {
  return (
    (navigator as { standalone?: boolean }).standalone === true ||
    matchMedia('(display-mode: standalone)').matches
  )
}

function unblockingSteps(): string[] {
  const { userAgent } = navigator
  if (isIos()) return ['Open Settings, Notifications, and this app.', 'Turn on “Allow Notifications”.']
  if (/Android/.test(userAgent)) {
    return ['Tap the icon beside the address.', 'Tap Permissions, Notifications, and allow them.']
  }
  if (/Firefox/.test(userAgent)) {
    return [
      'Click the crossed-out icon beside the address.',
      'Remove the block on notifications.',
      'Reload the page.',
    ]
  }
  if (/Safari/.test(userAgent) && !/Chrom/.test(userAgent)) {
    return ['Open Safari, Settings, Websites, Notifications.', 'Choose “Allow” for this site.']
  }
  return ['Click the icon beside the address.', 'Set Notifications to “Allow”.', 'Reload the page.']
}
