import type { SendingApp } from '../apps/senders.ts'
import type { SubscriberRow } from '../channels/channel.ts'
import { deliveryOptions } from '../channels/message.ts'
import { type Outcome, rejected } from '../channels/outcome.ts'
import { sendToRows } from '../channels/send-to-rows.ts'
import type { Deps } from '../deps.ts'
import type { AudienceMember } from '../subscribers/audience-store.ts'
import type { Page } from './page.ts'
import { isInTime, timeLeft } from './push-lifetime.ts'
import { type Addressee, type Tally, tallyOutcomes } from './tally.ts'

export type MemberOutcome = Addressee & { keyRefusals: number; outcome: Outcome }

type SendDeps = Pick<Deps, 'clock' | 'random' | 'config' | 'channels'>

/**
 * Sends a page through its members' channels. Never rejects: an error becomes an outcome.
 *
 * @param signal aborted when the time for the page is up, its app is gone, or the process is about to end
 * @param mayStart asked before each push
 */
export async function sendPage(
  deps: SendDeps,
  app: SendingApp,
  page: Page,
  signal: AbortSignal,
  mayStart: () => boolean,
): Promise<{ outcomes: MemberOutcome[]; tally: Tally }> {
  const { ttlSeconds } = deliveryOptions(page.content)
  const { pushMaxAgeSeconds } = deps.config
  const isLive = () => isInTime(ttlSeconds, pushMaxAgeSeconds, page.attempt, ageSeconds(deps, page))
  const outcomes = isLive()
    ? await sendMembers(deps, app, page, signal, () => isLive() && mayStart())
    : setAll(page.members, tooLate)
  const left = timeLeft(ttlSeconds, pushMaxAgeSeconds, ageSeconds(deps, page))
  return {
    outcomes,
    tally: tallyOutcomes(outcomes, { attempt: page.attempt, left, random: deps.random() }),
  }
}

function ageSeconds({ clock }: Pick<Deps, 'clock'>, { startedAt }: Page): number {
  return (clock.now().getTime() - startedAt.getTime()) / 1_000
}

/** Deferred for longer than any time left, so that the tally counts it as failed, with the reason. */
const tooLate: Outcome = {
  kind: 'deferred',
  status: null,
  afterSeconds: Number.POSITIVE_INFINITY,
  error: 'its time was over before it could be sent',
}

async function sendMembers(
  deps: SendDeps,
  app: SendingApp,
  page: Page,
  signal: AbortSignal,
  mayStart: () => boolean,
): Promise<MemberOutcome[]> {
  const message = { ...page, appSettings: app.settings }
  const byPlatform = Map.groupBy(page.members, ({ platform }) => platform)
  const sent = [...byPlatform].map(async ([platform, members]) => {
    const channel = deps.channels[platform]
    if (!channel) return setAll(members, rejected(`this version cannot send to ${platform} yet`))
    const sender = { id: app.id, credentials: app.credentials[platform] ?? new Map() }
    const outcomes = await sendToRows(channel, sender, message, members.map(toRow), signal, mayStart)
    return members.map((member, index) => toMemberOutcome(member, outcomes[index]!))
  })
  return (await Promise.all(sent)).flat()
}

function toRow({ id, token, p256dh, auth, vapidPair, userEpoch }: AudienceMember): SubscriberRow {
  return { id, token, p256dh, auth, credential: vapidPair, userEpoch }
}

function setAll(members: readonly AudienceMember[], outcome: Outcome): MemberOutcome[] {
  return members.map((member) => toMemberOutcome(member, outcome))
}

function toMemberOutcome(
  { id, userId, platform, keyRefusals }: AudienceMember,
  outcome: Outcome,
): MemberOutcome {
  return { subscriberId: id, userId, platform, keyRefusals, outcome }
}
