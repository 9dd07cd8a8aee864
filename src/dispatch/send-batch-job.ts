import { type AudienceShift, audienceShift } from '../accounting/audience-shift.ts'
import { reportCompletion } from '../accounting/complete-notification.ts'
import { keyFindings } from '../accounting/key-findings.ts'
import { recordBatch } from '../accounting/record-batch.ts'
import { describeRetries, type RetryReason, retryReasons } from '../accounting/retry-reasons.ts'
import { type Addressee, countByReason, type Tally, tallyOutcomes } from '../accounting/tally.ts'
import { readSenders } from '../apps/senders.ts'
import type { Outcome, Sender } from '../channels/channel.ts'
import type { Platform } from '../database.ts'
import type { Deps } from '../deps.ts'
import { payloadBytes, pushOptions } from '../notifications/payload.ts'
import { type SendBatch, sendBatch } from '../pipeline.ts'
import type { ClaimedJob } from '../platform/queue.ts'
import { type AudienceMember, readAudienceMembers, readAudiencePage } from '../subscribers/audience-store.ts'
import { audienceCondition } from '../subscribers/targeting.ts'
import { createTokenSigner, trackingPurpose } from '../tracking/tracking-token.ts'
import { type OpenBatch, readOpenBatch } from './batch-store.ts'

/** What is not sent by then comes back as a retry; well within the job's expiry. */
const batchDeadlineMs = 60_000

type SendBatchDeps = Pick<Deps, 'db' | 'queue' | 'clock' | 'log' | 'metrics' | 'channels' | 'crypto'>

/** SendBatch → one page of subscribers through their channels → accounted by {@link recordBatch}. */
export async function runSendBatch(deps: SendBatchDeps, job: ClaimedJob<SendBatch>): Promise<void> {
  const startedAt = performance.now()
  const batch = await readOpenBatch(deps.db, job.message)
  if (!batch) {
    await deps.db.transaction().execute((trx) => deps.queue.settle(trx, sendBatch, [job]))
    return
  }
  const members = await readMembers(deps, job.message, batch)
  const shift = audienceShift(batch.subscriberCount, members.length)
  const outcomes = await sendToMembers(deps, job.message, batch, members)
  const { ttlSeconds } = pushOptions(batch.content)
  const ageSeconds = (deps.clock.now().getTime() - batch.notificationCreatedAt.getTime()) / 1_000
  const tally = tallyOutcomes(outcomes, job.message.attempt, ttlSeconds - ageSeconds)
  const keys = keyFindings(outcomes)
  const retried = new Set(tally.retries.flatMap(({ subscriberIds }) => subscriberIds))
  const reasons = retryReasons(outcomes, retried)
  const { recorded, completed } = await recordBatch(deps, job, tally, shift, keys, describeRetries(reasons))
  report(deps, job.message, outcomes, tally, {
    ...shift,
    retryReasons: reasons,
    keyRefusals: keys.refused.length,
    recorded,
    ms: Math.round(performance.now() - startedAt),
  })
  if (completed) reportCompletion(deps, completed)
}

async function readMembers(
  deps: SendBatchDeps,
  message: SendBatch,
  batch: OpenBatch,
): Promise<AudienceMember[]> {
  if (message.subscriberIds) return readAudienceMembers(deps.db, message.appId, message.subscriberIds)
  return readAudiencePage(deps.db, message.appId, batch, audienceCondition(batch.targeting))
}

type MemberOutcome = Addressee & { keyRefusals: number; outcome: Outcome }

async function sendToMembers(
  deps: SendBatchDeps,
  message: SendBatch,
  batch: OpenBatch,
  members: AudienceMember[],
): Promise<MemberOutcome[]> {
  const pairs = members.map(({ vapidPair }) => vapidPair)
  const senderOf = await readSenders(deps, { ...batch, appId: message.appId }, pairs)
  const signal = AbortSignal.timeout(batchDeadlineMs)
  const groups = Map.groupBy(members, ({ platform, vapidPair }) => `${platform} ${vapidPair}`)
  const pages = [...groups.values()].map(async (page) => {
    const { platform, vapidPair } = page[0]!
    const outcomes = await sendPage(deps, platform, message, batch, senderOf(vapidPair), page, signal)
    return page.map(({ id, userId, keyRefusals }, index) => ({
      subscriberId: id,
      userId,
      platform,
      keyRefusals,
      outcome: outcomes[index]!,
    }))
  })
  return (await Promise.all(pages)).flat()
}

async function sendPage(
  deps: SendBatchDeps,
  platform: Platform,
  message: SendBatch,
  batch: OpenBatch,
  sender: Sender,
  page: AudienceMember[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  const channel = deps.channels[platform]
  if (!channel) {
    const error = `this version cannot send to ${platform} yet`
    return page.map(() => ({ kind: 'rejected', status: null, reason: 'rejected', error }))
  }
  const { payload, tokenAt } = payloadBytes(
    { id: message.notificationId, appId: message.appId, title: batch.title, content: batch.content },
    batch.settings,
    platform,
  )
  const push = { payload, stampAt: tokenAt, ...pushOptions(batch.content) }
  if (tokenAt === null) return channel.send(sender, push, page, signal)
  const [key] = deps.crypto.deriveKeys(trackingPurpose)
  const makeToken = createTokenSigner(key!, message)
  const recipients = page.map((member) => ({ ...member, stamp: makeToken(member.id, member.userEpoch) }))
  return channel.send(sender, push, recipients, signal)
}

function report(
  deps: SendBatchDeps,
  message: SendBatch,
  outcomes: MemberOutcome[],
  tally: Tally,
  extra: AudienceShift & { retryReasons: RetryReason[]; keyRefusals: number; recorded: boolean; ms: number },
): void {
  for (const [platform, ofPlatform] of Map.groupBy(outcomes, (entry) => entry.platform)) {
    for (const [outcome, entries] of Map.groupBy(ofPlatform, (entry) => entry.outcome.kind)) {
      deps.metrics.pushes.inc({ platform, outcome }, entries.length)
    }
  }
  const { subscriberIds: _, ...ids } = message
  deps.log.info(
    {
      ...ids,
      sent: tally.sent,
      failed: tally.failed,
      failures: countByReason(tally.failures),
      retries: tally.retries.reduce((sum, retry) => sum + retry.subscriberIds.length, 0),
      firstError: tally.firstError,
      ...extra,
    },
    'batch.sent',
  )
}
