import { AppIsLocked } from '../apps/app-store.ts'
import type { Deps } from '../deps.ts'
import { commitHalving, createGroupCommit } from '../engine/group-commit.ts'
import type { Db } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import {
  type AcceptedNotification,
  acceptNotifications,
  checkPayload,
  type NotificationRequest,
} from './accept-notifications.ts'

const maxGroup = 256
/** Some seconds of work. */
const maxWaiting = 5_000

/** Accepts notifications; given a transaction of the caller's instead of the database, it accepts them in that. */
export interface Acceptor {
  /** @throws 404 when its app is gone, 422 when it is too long to be pushed, 429 when too many wait */
  accept(given: { db: Db }, request: NotificationRequest): Promise<AcceptedNotification>
  /** In one transaction, their payloads checked before. @returns a result for each, in their order */
  acceptAll(
    given: { db: Db },
    requests: readonly NotificationRequest[],
  ): Promise<(AcceptedNotification | Error)[]>
}

/** Lets notifications that arrive while a transaction is under way share the next one. */
export function createAcceptor(deps: Pick<Deps, 'db' | 'clock' | 'channels'>): Acceptor {
  const commit = (db: Db, requests: readonly NotificationRequest[], waiting?: 'skip locked') =>
    db.transaction().execute((trx) => acceptNotifications(trx, deps, requests, waiting))
  const group = createGroupCommit<NotificationRequest, AcceptedNotification>({
    maxGroup,
    maxWaiting,
    overloaded: () => refusals.rateLimited(1),
    groupsAtOnce: 2,
    commit: (requests) => commit(deps.db, requests, 'skip locked'),
  })
  const acceptAlone = async (db: Db, request: NotificationRequest) => {
    const [accepted] = await commit(db, [request])
    if (accepted instanceof Error) throw accepted
    return accepted!
  }
  return {
    async accept({ db }, request) {
      checkPayload(deps.channels, request)
      if (db !== deps.db) return acceptAlone(db, request)
      try {
        return await group.add(request)
      } catch (error) {
        // It waits for the end of its app by itself, and finds out what became of it.
        if (error instanceof AppIsLocked) return acceptAlone(db, request)
        throw error
      }
    },
    async acceptAll({ db }, requests) {
      // The caller's transaction cannot go on after a row that the database refuses.
      return db === deps.db ? commitHalving(requests, (part) => commit(db, part)) : commit(db, requests)
    },
  }
}
