import { refusals } from '../platform/errors.ts'
import {
  changeByRegistration,
  changeByRenewal,
  newSubscriber,
  ownsOldToken,
  ownsToken,
  type Registration,
} from './subscriber-change.ts'
import type { StoredSubscriber, Subscriber } from './subscriber-reader-store.ts'
import type { SubscriberStep } from './subscriber-store.ts'
import { nameOfToken } from './token-name.ts'

/** A registration with the names of its tokens, see {@link nameOfToken}. */
export interface NamedRegistration extends Registration {
  name: string
  oldName: string | undefined
}

/** The result of a registration. */
export interface Registered {
  subscriber: Subscriber
  created: boolean
}

/** The result of several registrations, applied one after the other. */
export interface Decision {
  /** One for each registration, in their order; an Error if the registration is refused. */
  results: (Registered | Error)[]
  /** New subscribers by {@link nameOfToken}. */
  inserts: Map<string, StoredSubscriber>
  steps: SubscriberStep[]
  /** Each subscriber as it was when it became active. Each one emits an event. */
  arrivals: Subscriber[]
  /** The names of tokens whose subscribers are written. */
  written: Set<string>
  now: Date
}

export function nameTokens(registration: Registration): NamedRegistration {
  const { appId, platform, token, oldToken } = registration
  const oldName = oldToken === undefined ? undefined : nameOfToken(appId, platform, oldToken)
  return { ...registration, name: nameOfToken(appId, platform, token), oldName }
}

/** @param known the subscribers that have the tokens and the old tokens, by {@link nameOfToken} */
export function decideRegistrations(
  known: ReadonlyMap<string, StoredSubscriber>,
  given: readonly NamedRegistration[],
  now: Date,
): Decision {
  /** The current holders of the tokens that this batch wrote; undefined: nobody holds the token any more. */
  const holders = new Map<string, StoredSubscriber | undefined>()
  const holderOf = (name: string) => (holders.has(name) ? holders.get(name) : known.get(name))
  const befores = new Map([...known.values()].map((subscriber) => [subscriber.id, subscriber]))
  const arrivals: Subscriber[] = []
  const write = (name: string, subscriber: StoredSubscriber) => {
    holders.set(name, subscriber)
    return subscriber
  }
  const register = (one: NamedRegistration): Registered => {
    const { name, oldName = name } = one
    const holder = holderOf(name)
    if (holder && !ownsToken(holder, one)) throw refusals.invalid({ keys: [keysOfAnother] })
    const holderOfOld = holder ? undefined : holderOf(oldName)
    const renewing = holderOfOld && ownsOldToken(holderOfOld, one) ? holderOfOld : undefined
    const before = holder ?? renewing
    if (!before) {
      const subscriber = write(name, newSubscriber(one, now))
      arrivals.push(subscriber)
      return { subscriber, created: true }
    }
    const update = renewing ? changeByRenewal(renewing, one, now) : changeByRegistration(before, one, now)
    if (!update) return { subscriber: before, created: false }
    if (renewing) holders.set(oldName, undefined)
    const subscriber = write(name, { ...before, ...update })
    if (update.status === 'active') arrivals.push(subscriber)
    return { subscriber, created: false }
  }
  const results = given.map((one) => orRefusal(() => register(one)))
  const inserts = new Map<string, StoredSubscriber>()
  const steps: SubscriberStep[] = []
  for (const [name, after] of holders) {
    const before = after && befores.get(after.id)
    if (before) steps.push({ before, after })
    else if (after) inserts.set(name, after)
  }
  return { results, inserts, steps, arrivals, written: new Set(holders.keys()), now }
}

const keysOfAnother = 'are not the keys that the token is registered with'

function orRefusal<Result>(decide: () => Result): Result | Error {
  try {
    return decide()
  } catch (refusal) {
    return refusal as Error
  }
}
