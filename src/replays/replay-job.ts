import { setTimeout as sleep } from 'node:timers/promises'
import { holdApp } from '../apps/app-lock-store.ts'
import { insertDeliveries } from '../deliveries/delivery-store.ts'
import { presentEvent } from '../deliveries/log/event-log-schema.ts'
import { subscriberOf } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import { type EventKey, listEventKeys, readEvents } from '../events/event-store.ts'
import type { Trx } from '../platform/db/db.ts'
import { byIndex } from '../platform/db/read-by-index.ts'
import { firstIdOf } from '../platform/ids.ts'
import type { ClaimedJob } from '../platform/queue.ts'
import { type ReplayStep, replayStep } from '../queues.ts'
import { type Filter, matchesFilter, storedFilter } from '../webhooks/filter.ts'
import { readWebhook } from '../webhooks/webhook-reader-store.ts'
import {
  countPending,
  endReplay,
  findReceived,
  type HeldReplay,
  holdReplay,
  moveReplay,
  type Replay,
} from './replay-store.ts'

/** A replay pauses while more than this many of its deliveries are pending: current events go before past ones. */
const maxPending = 200
const maxDeliveriesPerStep = 200
/** Events that one step reads. A long window may have few events that pass the filter. */
const maxEventsPerStep = 2_000
const eventsWithDataAtOnce = 200

/**
 * An event's id is created before its transaction commits and the event becomes visible. The log up to a moment is
 * therefore considered complete only after this time.
 */
const settlesAfterMs = 5_000

/** A step first waits `waitMs` for its turn itself; then the queue delays it for `waitSeconds`. */
const waitMs = 1_000
const lookAgainMs = 50
const waitSeconds = 1

type ReplayDeps = Pick<Deps, 'db' | 'queue' | 'clock' | 'log'>

/** The state of a replay after a step. */
type Outcome = { status: 'running'; delaySeconds: number } | { status: 'completed' | 'canceled' }

/**
 * Creates the next deliveries of a replay, saves its position and enqueues the next step, all in one transaction. If
 * the process is killed, the step is either done, or undone and run again.
 */
export async function runReplayStep(deps: ReplayDeps, job: ClaimedJob<ReplayStep>): Promise<void> {
  const { appId, replayId } = job.message
  await waitForTurn(deps, job.message)
  const ended = await byIndex(() =>
    deps.db.transaction().execute(async (trx) => {
      const isOurs = await deps.queue.settle(trx, replayStep, job)
      if (!isOurs || !(await holdApp(trx, appId))) return undefined
      const replay = await holdReplay(trx, appId, replayId)
      if (replay?.status !== 'running') return undefined
      const outcome = await takeStep(trx, deps, replay)
      if (outcome.status !== 'running') return endReplay(trx, replay, outcome.status, deps.clock.now())
      const { delaySeconds } = outcome
      // The next step needs its own id: the worker completes this job by its id when this handler returns.
      await deps.queue.enqueue(trx, replayStep, [{ delaySeconds, message: job.message }])
      return undefined
    }),
  )
  if (ended) reportReplay(deps, appId, ended)
}

/** Logs one line when a replay ends, completed or canceled. */
export function reportReplay({ log }: Pick<Deps, 'log'>, appId: string, replay: Replay): void {
  const { id, webhookId, status, eventCount, createdAt, finishedAt } = replay
  const ms = finishedAt!.getTime() - createdAt.getTime()
  log.info({ appId, replayId: id, webhookId, status, events: eventCount, ms }, 'replay.ended')
}

/** Waits here for pending deliveries, which take milliseconds: a job put back into the queue takes about a second. */
async function waitForTurn({ db }: ReplayDeps, { appId, replayId }: ReplayStep): Promise<void> {
  const deadline = performance.now() + waitMs
  while (performance.now() < deadline && (await hasManyPending(db, appId, replayId))) await sleep(lookAgainMs)
}

async function takeStep(trx: Trx, deps: ReplayDeps, replay: HeldReplay): Promise<Outcome> {
  const webhook = await readWebhook(trx, replay.appId, replay.webhookId)
  // A later generation means that the webhook was disabled since, even if it is enabled again.
  if (!webhook?.enabled || webhook.generation !== replay.generation) return { status: 'canceled' }
  if (await hasManyPending(trx, replay.appId, replay.id)) {
    return { status: 'running', delaySeconds: waitSeconds }
  }
  const now = deps.clock.now()
  const settled = new Date(now.getTime() - settlesAfterMs)
  const isWhole = replay.until <= settled
  const range = {
    after: replay.lastEventId ?? firstIdOf(replay.since),
    before: firstIdOf(isWhole ? replay.until : settled),
  }
  const events = await listEventKeys(trx, replay.appId, range, maxEventsPerStep)
  const wanted = await select(trx, replay, storedFilter(webhook.filter), events)
  const hasMore = wanted.length > maxDeliveriesPerStep || events.length === maxEventsPerStep
  const taken = wanted.slice(0, maxDeliveriesPerStep)
  const reached = wanted.length > taken.length ? taken.at(-1)! : events.at(-1)
  const data = await readData(trx, replay.appId, taken)
  const deliveries = taken.map((event) => ({
    appId: replay.appId,
    event,
    webhookId: webhook.id,
    generation: webhook.generation,
    subscriberId: subscriberOf(data.get(event.id)!),
    replayId: replay.id,
  }))
  await insertDeliveries(trx, deliveries, now)
  await moveReplay(trx, replay, reached?.id ?? replay.lastEventId, taken.length)
  if (hasMore) return { status: 'running', delaySeconds: 0 }
  if (isWhole) return { status: 'completed' }
  return { status: 'running', delaySeconds: (replay.until.getTime() - settled.getTime()) / 1_000 }
}

/** Selects the events to deliver, in order. A result of more than one step's deliveries only shows that more follow. */
async function select(
  trx: Trx,
  replay: HeldReplay,
  filter: Filter | null,
  events: readonly EventKey[],
): Promise<EventKey[]> {
  const named = events.filter(({ type }) => replay.events.includes(type))
  const received = replay.selection === 'failed' ? await findReceived(trx, replay, named) : new Set()
  const missing = named.filter(({ id }) => !received.has(id))
  if (!filter) return missing
  const wanted: EventKey[] = []
  for (let start = 0; start < missing.length; start += eventsWithDataAtOnce) {
    const some = missing.slice(start, start + eventsWithDataAtOnce)
    const data = await readData(trx, replay.appId, some)
    wanted.push(...some.filter(({ id }) => matchesFilter(filter, data.get(id)!)))
    if (wanted.length > maxDeliveriesPerStep) break
  }
  return wanted
}

/** The `data` of events, by id. */
async function readData(
  trx: Trx,
  appId: string,
  events: readonly EventKey[],
): Promise<Map<string, Record<string, unknown>>> {
  const ids = events.map(({ id }) => id)
  const rows = await readEvents(trx, appId, ids)
  return new Map(rows.map((event) => [event.id, presentEvent(event).data]))
}

async function hasManyPending(db: ReplayDeps['db'], appId: string, replayId: string): Promise<boolean> {
  return (await countPending(db, appId, replayId, maxPending + 1)) > maxPending
}
