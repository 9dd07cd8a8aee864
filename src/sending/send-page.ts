import type { SendingApp } from '../apps/senders.ts'
import type { Outcome } from '../channels/channel.ts'
import { createTokenSigner, trackingPurpose } from '../channels/web-push/tracking-token.ts'
import type { Platform } from '../database.ts'
import type { Deps } from '../deps.ts'
import type { AudienceMember } from '../subscribers/audience-store.ts'
import type { Page } from './page.ts'
import { payloadBytes, pushOptions } from './payload.ts'
import { isInTime, remainingTtl, timeLeft } from './push-lifetime.ts'
import { type Addressee, type Tally, tallyOutcomes } from './tally.ts'

/** What is not sent by then is deferred to another page: the push service that it waits for must not hold the rest. */
const pageDeadlineMs = 60_000

export type MemberOutcome = Addressee & { keyRefusals: number; outcome: Outcome }

type SendDeps = Pick<Deps, 'clock' | 'random' | 'config' | 'channels' | 'crypto'>

/**
 * Sends a page through its members' channels. Never rejects: what goes wrong is an outcome.
 *
 * @param signal aborted when the process is about to end
 */
export async function sendPage(
  deps: SendDeps,
  app: SendingApp,
  page: Page,
  signal: AbortSignal,
): Promise<{ outcomes: MemberOutcome[]; tally: Tally }> {
  const { ttlSeconds } = pushOptions(page.content)
  const left = () => timeLeft(ttlSeconds, deps.config.pushMaxAgeSeconds, ageSeconds(deps, page))
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(pageDeadlineMs)])
  const outcomes = isInTime(ttlSeconds, page.attempt, ageSeconds(deps, page))
    ? await sendMembers(deps, app, page, deadline)
    : setAll(page.members, tooLate)
  return {
    outcomes,
    tally: tallyOutcomes(outcomes, { attempt: page.attempt, left: left(), random: deps.random() }),
  }
}

function ageSeconds({ clock }: Pick<Deps, 'clock'>, { startedAt }: Page): number {
  return (clock.now().getTime() - startedAt.getTime()) / 1_000
}

/** Deferred beyond its time, so that it is counted for what it failed of. */
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
): Promise<MemberOutcome[]> {
  const groups = Map.groupBy(page.members, ({ platform, vapidPair }) => `${platform} ${vapidPair}`)
  const sent = [...groups.values()].map(async (members) => {
    const outcomes = await sendGroup(deps, app, page, members, signal).catch((error: Error) =>
      members.map((): Outcome => rejected(error.message)),
    )
    return members.map((member, index) => toMemberOutcome(member, outcomes[index]!))
  })
  return (await Promise.all(sent)).flat()
}

/** Members of one platform whose subscriptions were made with one key pair. */
async function sendGroup(
  deps: SendDeps,
  app: SendingApp,
  page: Page,
  members: readonly AudienceMember[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  const { platform, vapidPair } = members[0]!
  const channel = deps.channels[platform]
  if (!channel) return members.map(() => rejected(`this version cannot send to ${platform} yet`))
  const { payload, tokenAt } = payloadBytes(page, app.settings, platform)
  const options = pushOptions(page.content)
  const ttlSeconds = remainingTtl(options.ttlSeconds, ageSeconds(deps, page))
  const push = { payload, stampAt: tokenAt, ...options, ttlSeconds }
  return channel.send(app.senderOf(vapidPair), push, stamped(deps, page, platform, members), signal)
}

function stamped(
  { crypto }: Pick<Deps, 'crypto'>,
  page: Page,
  platform: Platform,
  members: readonly AudienceMember[],
) {
  if (platform !== 'web') return members
  const [key] = crypto.deriveKeys(trackingPurpose)
  const makeToken = createTokenSigner(key!, { appId: page.appId, notificationId: page.id })
  return members.map((member) => ({ ...member, stamp: makeToken(member.id, member.userEpoch) }))
}

function rejected(error: string): Outcome {
  return { kind: 'rejected', status: null, reason: 'rejected', error }
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
