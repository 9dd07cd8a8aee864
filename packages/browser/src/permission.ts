import type { PushOptions } from './options.ts'
import { isSupported, type PushStatus, status } from './page.ts'

/**
 * What stands between the user and notifications, and what the user can do about it.
 *
 * - `add-to-home-screen`: iOS pushes to pages on the home screen only.
 * - `update`: this iOS is older than 16.4, which was the first to push to pages.
 * - `unblock`: the user, or the browser, blocked notifications of this site.
 */
export interface Obstacle {
  kind: 'add-to-home-screen' | 'update' | 'unblock'
  /** What to do, in English. */
  steps: string[]
}

/** @returns undefined: `subscribe()` may be offered, or nothing that the user does would help */
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
 * Tells when the permission changes, for example because the user unblocked notifications in the browser's settings.
 *
 * @returns stops it
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
    // Older browsers know no permission of this name.
    () => {},
  )
  return () => stopping.abort()
}

function isIos(): boolean {
  // An iPad says that it is a Mac, which has no touch screen.
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
