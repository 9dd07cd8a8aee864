import type { Deps } from '../deps.ts'
import { deliver } from '../pipeline.ts'
import type { ClaimedJob } from '../platform/queue.ts'
import { attemptDelivery, type ReadyDelivery, type Target } from './attempt-delivery.ts'
import { type DueDelivery, readDueDeliveries } from './delivery-store.ts'
import { createResultBuffer } from './result-buffer.ts'
import { createSlots } from './slots.ts'
import { createWakeUp } from './wake-up.ts'

/** The loop that claims Deliver messages and makes the attempts. */
export interface DeliveryPump {
  /** Takes no more jobs, lets the attempts under way end and records them; breaks them off after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>
}

type DeliverJob = ClaimedJob<{ appId: string }>
type PumpDeps = Pick<
  Deps,
  'db' | 'queue' | 'clock' | 'config' | 'log' | 'crypto' | 'outbound' | 'metrics' | 'version'
>

/** Jobs claimed and not yet recorded, over all webhooks: what bounds memory. */
const maxClaimed = 1_024
const claimSize = 256
/** Attempts under way to one webhook, and to one host whatever the webhooks. */
export const maxInFlightPerWebhook = 64
export const maxInFlightPerHost = 128
/** What a host that hangs is left with: were it one, a webhook that hangs would have it to itself, and others none. */
const minInFlightPerHost = 8
/** Claimed jobs of one webhook that wait for its next slot; beyond, its jobs are passed over. */
const maxHeldPerWebhook = 192
/** How long free slots are collected before their next attempts are read from the database together. */
const gatherMs = 5
const idlePollMs = 150
const afterErrorMs = 1_000
/** How long a job of a webhook that hangs is put back for, spread so that they do not all return at once. */
const putBackSeconds = () => 20 + Math.random() * 40
/** The same for one that is only slow. Held, its jobs would keep those of others from being claimed. */
const putBackSlowSeconds = () => 2 + Math.random() * 4

/**
 * Starts the pump: claim → read → attempt → record, each step for many deliveries, none waiting for its slowest.
 *
 * Between the read and the start of an attempt nothing is awaited: a webhook disabled or deleted before the read is
 * never attempted after it.
 */
export function startDeliveryPump(deps: PumpDeps): DeliveryPump {
  const webhooks = createSlots(maxInFlightPerWebhook, 1)
  const hosts = createSlots(maxInFlightPerHost, minInFlightPerHost)
  const hostOf = new Map<string, string>()
  /** A slot is free or a job was claimed. */
  const freed = createWakeUp()
  /** There may be room for more jobs. */
  const wanted = createWakeUp()
  const results = createResultBuffer(deps, () => wanted.ring())
  let held: DeliverJob[] = []
  let inFlight = 0
  let stopping = false

  const claimed = () => held.length + inFlight + results.size()
  const hasRoom = (webhookId: string) => {
    const host = hostOf.get(webhookId)
    return webhooks.hasRoom(webhookId) && (host === undefined || hosts.hasRoom(host))
  }
  const isStruggling = (webhookId: string) => {
    const host = hostOf.get(webhookId)
    return webhooks.isStruggling(webhookId) || (host !== undefined && hosts.isStruggling(host))
  }
  const isStalled = (webhookId: string) => {
    const host = hostOf.get(webhookId)
    return webhooks.isStalled(webhookId) || (host !== undefined && hosts.isStalled(host))
  }

  const passedOver = () => {
    const ignored = new Set(webhooks.full().filter((id) => isStruggling(id) || isStalled(id)))
    for (const [id, host] of hostOf) if (!hosts.hasRoom(host)) ignored.add(id)
    const heldById = Map.groupBy(held, webhookIdOf)
    for (const [id, jobs] of heldById) if (jobs.length >= maxHeldPerWebhook) ignored.add(id)
    return [...ignored]
  }

  const claim = async (): Promise<number> => {
    if (maxClaimed - claimed() < claimSize || held.length > claimSize) return 0
    const jobs = await deps.queue.claim(deliver, claimSize, passedOver())
    held.push(...jobs)
    return jobs.length
  }

  /** Takes the held jobs that have a slot now, and puts back those of webhooks that hang or are slow. */
  const takeStartable = (): DeliverJob[] => {
    const startable: DeliverJob[] = []
    const waiting: DeliverJob[] = []
    for (const job of held) {
      const webhookId = webhookIdOf(job)
      if (hasRoom(webhookId)) {
        webhooks.take(webhookId)
        startable.push(job)
      } else if (isStalled(webhookId)) {
        const delaySeconds = isStruggling(webhookId) ? putBackSeconds() : putBackSlowSeconds()
        results.add({ kind: 'released', job, delaySeconds })
      } else {
        waiting.push(job)
      }
    }
    held = waiting
    inFlight += startable.length
    return startable
  }

  const end = (job: DeliverJob, hungSince: number | null) => {
    inFlight -= 1
    webhooks.give(webhookIdOf(job), hungSince)
  }

  const start = (ready: ReadyDelivery) => {
    const host = ready.target.url.host
    const startedAt = performance.now()
    rememberHost(hostOf, ready.delivery.webhookId, host)
    hosts.take(host)
    attemptDelivery(deps, ready)
      .then((attempt) => {
        const hungSince = attempt.outcome.status === null ? startedAt : null
        hosts.give(host, hungSince)
        end(ready.job, hungSince)
        if (stopping && attempt.outcome.error === 'aborted') {
          // It was us who broke it off: that is no failure of the receiver's.
          results.add({ kind: 'released', job: ready.job, delaySeconds: 0 })
          return
        }
        results.add({ kind: 'attempted', job: ready.job, webhookId: ready.delivery.webhookId, attempt })
        reportAttempt(deps, ready, attempt)
      })
      .catch((error: unknown) => {
        hosts.give(host, null)
        end(ready.job, null)
        results.add({ kind: 'released', job: ready.job, delaySeconds: putBackSeconds() })
        deps.log.error({ err: error, deliveryId: ready.job.id }, 'delivery.broken')
      })
      .finally(() => freed.ring())
  }

  const startAll = async (jobs: DeliverJob[]) => {
    if (jobs.length === 0) return
    const { ready, ended, unreadable } = await readReady(deps, jobs).catch((error: unknown) => {
      for (const job of jobs) end(job, null)
      held.push(...jobs)
      throw error
    })
    for (const delivery of ready) start(delivery)
    for (const job of ended) {
      end(job, null)
      results.add({ kind: 'canceled', job })
    }
    for (const job of unreadable) {
      end(job, null)
      results.add({ kind: 'released', job, delaySeconds: putBackSeconds() })
    }
  }

  /** Claims ahead of the slots, so that a freed one finds its next job here. */
  const claimLoop = async () => {
    while (!stopping) {
      try {
        const found = await claim()
        if (found > 0) freed.ring()
        if (found < claimSize) await wanted.wait(gatherMs, idlePollMs)
      } catch (error) {
        deps.log.error({ err: error }, 'delivery.claim_failed')
        await wanted.wait(afterErrorMs, afterErrorMs)
      }
    }
  }

  const startLoop = async () => {
    while (!stopping) {
      await freed.wait(gatherMs, idlePollMs)
      try {
        await startAll(takeStartable())
        wanted.ring()
      } catch (error) {
        deps.log.error({ err: error }, 'delivery.read_failed')
        await freed.wait(afterErrorMs, afterErrorMs)
      }
    }
  }
  const running = Promise.all([claimLoop(), startLoop()])

  return {
    async stop(timeoutMs) {
      const breakOff = setTimeout(() => void deps.outbound.close(), timeoutMs)
      stopping = true
      wanted.ring()
      freed.ring()
      await running
      for (const job of held) results.add({ kind: 'released', job, delaySeconds: 0 })
      held = []
      while (inFlight > 0) await freed.wait(gatherMs, idlePollMs)
      clearTimeout(breakOff)
      await results.drain()
    },
  }
}

function webhookIdOf(job: DeliverJob): string {
  return job.group ?? job.id
}

const maxRememberedHosts = 10_000

function rememberHost(hostOf: Map<string, string>, webhookId: string, host: string): void {
  if (hostOf.size >= maxRememberedHosts && !hostOf.has(webhookId)) {
    hostOf.delete(hostOf.keys().next().value!)
  }
  hostOf.set(webhookId, host)
}

interface ReadJobs {
  ready: ReadyDelivery[]
  /** Their delivery or webhook is not to be attempted any more. */
  ended: DeliverJob[]
  /** Their webhook's secret does not decrypt: an operator has to mend that, the others go on. */
  unreadable: DeliverJob[]
}

async function readReady(
  deps: Pick<Deps, 'db' | 'crypto' | 'log'>,
  jobs: readonly DeliverJob[],
): Promise<ReadJobs> {
  const keys = jobs.map((job) => ({ appId: job.message.appId, id: job.id }))
  const due = new Map((await readDueDeliveries(deps.db, keys)).map((delivery) => [delivery.id, delivery]))
  const targets = new Map<string, Target | null>()
  const read: ReadJobs = { ready: [], ended: [], unreadable: [] }
  for (const job of jobs) {
    const delivery = due.get(job.id)
    if (!delivery) {
      read.ended.push(job)
      continue
    }
    const target = targets.getOrInsertComputed(delivery.webhookId, () => toTarget(deps, delivery))
    if (target) read.ready.push({ job, delivery, target })
    else read.unreadable.push(job)
  }
  return read
}

function toTarget(
  deps: Pick<Deps, 'crypto' | 'log'>,
  { webhookId, url, secret }: DueDelivery,
): Target | null {
  if (!secret) return { url: new URL(url), secret: null }
  try {
    const decrypted = deps.crypto.decrypt(secret, `webhook-secret:${webhookId}`)
    return { url: new URL(url), secret: decrypted.toString('utf8') }
  } catch (error) {
    deps.log.error({ err: error, webhookId }, 'webhook.secret_unreadable')
    return null
  }
}

function reportAttempt(
  deps: Pick<Deps, 'log' | 'metrics'>,
  { delivery }: ReadyDelivery,
  attempt: Awaited<ReturnType<typeof attemptDelivery>>,
): void {
  const { succeeded, error, status } = attempt.outcome
  deps.metrics.attempts.inc({ outcome: error ?? 'succeeded' })
  deps.metrics.attemptSeconds.observe(attempt.durationMs / 1_000)
  // A line per success would be thousands a second; the attempts table has them all.
  deps.log[succeeded ? 'debug' : 'info'](
    {
      appId: delivery.appId,
      webhookId: delivery.webhookId,
      deliveryId: delivery.id,
      eventId: delivery.eventId,
      event: delivery.eventType,
      attempt: attempt.number,
      attemptId: attempt.id,
      status,
      error,
      ms: attempt.durationMs,
    },
    'delivery.attempted',
  )
}
