import { createAppGroup } from '../apps/app-group.ts'
import type { Deps } from '../deps.ts'
import type { Db } from '../platform/db/db.ts'
import { takenSince } from '../platform/traces/traces.ts'
import {
  type AcceptedNotification,
  acceptNotifications,
  checkPayload,
  type NotificationRequest,
} from './accept-notifications.ts'
import { acceptSpan } from './accept-span.ts'

/** How many notifications may wait: some seconds of work. */
const maxWaiting = 5_000

type Accepted = AcceptedNotification | Error

/** Accepts notifications. If the caller gives a transaction instead of the database, it is used for them. */
export function createAcceptor(deps: Pick<Deps, 'db' | 'clock' | 'channels' | 'traces'>) {
  const { traces } = deps
  const group = createAppGroup<NotificationRequest, AcceptedNotification>(
    deps.db,
    maxWaiting,
    (db, requests, waiting) =>
      db.transaction().execute((trx) => acceptNotifications(trx, deps, requests, waiting)),
  )
  const traced = async <Result extends Accepted | Accepted[]>(
    accepting: Promise<Result>,
    requests: readonly NotificationRequest[],
  ): Promise<Result> => {
    const from = performance.now()
    const accepted = await accepting
    const taken = takenSince(deps.clock, from)
    for (const [index, one] of [accepted].flat().entries()) {
      if (!(one instanceof Error)) traces?.record(acceptSpan(one, taken, requests[index]!.traceparent))
    }
    return accepted
  }
  return {
    /** @throws 404 when the app is deleted, 422 when the payload is too long to be pushed, 429 when too many wait */
    async accept(given: { db: Db }, request: NotificationRequest): Promise<AcceptedNotification> {
      checkPayload(deps.channels, request)
      const accepting = group.add(given, request)
      return traces ? traced(accepting, [request]) : accepting
    },
    /** Accepts requests with checked payloads in one transaction. @returns a result for each, in the given order */
    acceptAll(given: { db: Db }, requests: readonly NotificationRequest[]): Promise<Accepted[]> {
      const accepting = group.addAll(given, requests)
      return traces ? traced(accepting, requests) : accepting
    },
  }
}
