import * as page from './index.ts'

/** The service serves this script at /sdk/krafter-push.js, so the script derives the service's URL from its own. */
const serverUrl = new URL('..', import.meta.url).href

type Served<Options> = Options extends { serverUrl: string }
  ? Omit<Options, 'serverUrl'> & { serverUrl?: string }
  : Options

export const { findObstacle, isSupported, listen, status, watchStatus } = page
export const subscribe = (options: Served<page.PushOptions>) =>
  page.subscribe({ serverUrl, ...options } as page.PushOptions)
export const resume = (options: Served<page.PushOptions>) =>
  page.resume({ serverUrl, ...options } as page.PushOptions)
export const unsubscribe = (options: Served<page.UnsubscribeOptions>) =>
  page.unsubscribe({ serverUrl, ...options } as page.UnsubscribeOptions)
