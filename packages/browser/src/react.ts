import { useCallback, useEffect, useRef, useState } from 'react'
import type { PushOptions } from './options.ts'
import { type PushStatus, status as readStatus, resume, subscribe, unsubscribe } from './page.ts'
import { findObstacle, type Obstacle, watchStatus } from './permission.ts'

export interface Push {
  /** `loading` on the server, and until the browser has reported the status. */
  status: PushStatus | 'loading'
  /** Why `subscribe` cannot work, with what the user can do about it. */
  obstacle: Obstacle | undefined
  /** A call is in progress. */
  isBusy: boolean
  /** Why the last call failed. */
  error: Error | undefined
  /** Call it on a click. */
  subscribe: () => Promise<void>
  unsubscribe: () => Promise<void>
}

/**
 * Provides the browser's subscription. The hook resumes it when the component mounts, when the user changes, and when
 * the permission changes.
 */
export function usePush(options: PushOptions): Push {
  const [state, setState] = useState<Pick<Push, 'status' | 'obstacle' | 'isBusy' | 'error'>>({
    status: 'loading',
    obstacle: undefined,
    isBusy: false,
    error: undefined,
  })
  const latest = useRef(options)
  latest.current = options
  const run = useCallback(async (call: (options: PushOptions) => Promise<unknown>) => {
    setState((before) => ({ ...before, isBusy: true }))
    const error = await call(latest.current).then(
      () => undefined,
      (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason))),
    )
    const status = await readStatus(latest.current)
    setState({ status, obstacle: findObstacle(), isBusy: false, error })
  }, [])
  const isDirect = 'publishableKey' in options
  const app = isDirect ? options.publishableKey : options.appId
  const user = isDirect && options.user !== undefined ? JSON.stringify(options.user) : undefined
  // biome-ignore lint/correctness/useExhaustiveDependencies: another app or another user registers again
  useEffect(() => {
    void run(resume)
    return watchStatus(() => void run(resume), latest.current)
  }, [run, app, user])
  return {
    ...state,
    subscribe: useCallback(() => run(subscribe), [run]),
    unsubscribe: useCallback(() => run(end), [run]),
  }
}

async function end(options: PushOptions): Promise<unknown> {
  if ('publishableKey' in options) return unsubscribe(options)
  const { appId, unregister, serviceWorker } = options
  if (!unregister) throw new Error('the option unregister is missing')
  return unsubscribe({ appId, unregister, serviceWorker })
}
