import type { Deps } from '../deps.ts'
import { createGroupCommit } from '../engine/group-commit.ts'
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

/**
 * Accepts notifications that arrive while a transaction is under way together in the next one. Given a transaction of
 * the caller's instead of the database, it accepts them in that.
 *
 * @returns accepts one; @throws 404 when its app is gone, 422 when it is too long to be pushed, 429 when too many wait
 */
export function createAcceptor(
  deps: Pick<Deps, 'db' | 'clock' | 'channels'>,
): (given: { db: Db }, request: NotificationRequest) => Promise<AcceptedNotification> {
  const commit = (db: Db, requests: readonly NotificationRequest[]) =>
    db.transaction().execute((trx) => acceptNotifications(trx, deps, requests))
  const group = createGroupCommit<NotificationRequest, AcceptedNotification>({
    maxGroup,
    maxWaiting,
    overloaded: () => refusals.rateLimited(1),
    groupsAtOnce: 2,
    commit: (requests) => commit(deps.db, requests),
  })
  return async ({ db }, request) => {
    checkPayload(deps.channels, request)
    if (db === deps.db) return group.add(request)
    const [accepted] = await commit(db, [request])
    if (accepted instanceof Error) throw accepted
    return accepted!
  }
}
