import type { Deps } from '../deps.ts'
import { deliver } from '../pipeline.ts'
import type { ClaimedJob } from '../platform/queue.ts'
import { attemptDelivery, type ReadyDelivery, type Target } from './attempt-delivery.ts'
import {
  type DueDelivery,
  readDueDeliveries,
  readEnabledWebhooks,
  type TargetWebhook,
} from './delivery-store.ts'
import { createResultBuffer } from './result-buffer.ts'
import { createSlots } from './slots.ts'
import { createWakeUp } from './wake-up.ts'

/** The loop that claims Deliver messages and makes the attempts. */
export interface DeliveryPump {
  /** Takes no more jobs, lets the attempts under way end and records them. */
  stop(): Promise<void>
}

type DeliverJob = ClaimedJob<{ appId: string }>
type PumpDeps = Pick<
  Deps,
  'db' | 'queue' | 'clock' | 'config' | 'log' | 'crypto' | 'outbound' | 'metrics' | 'version'
>

/** Jobs claimed and not yet recorded, over all webhooks: what bounds memory. */
const maxClaimed = 640
const claimSize = 128
/** Attempts under way to one webhook, and to one host whatever the webhooks. */
export const maxInFlightPerWebhook = 64
export const maxInFlightPerHost = 128
/** Claimed jobs of one webhook that wait for its next slot; beyond, its jobs are passed over. */
const maxHeldPerWebhook = 48
/** How long free slots are collected before their next attempts are read from the database together. */
const gatherMs = 4
const idlePollMs = 150
const afterErrorMs = 1_000
/** How long a job of a webhook that hangs is put back for, spread so that they do not all return at once. */
const putBackSeconds = () => 20 + Math.random() * 40

/**
 * Starts the pump: claim → read → attempt → record, each step for many deliveries, none waiting for its slowest.
 *
 * Between the read and the start of an attempt nothing is awaited: a webhook disabled or deleted before the read is
 * never attempted after it.
 */
export function startDeliveryPump(deps: PumpDeps): DeliveryPump {
  const webhooks = createSlots(maxInFlightPerWebhook)
  const hosts = createSlots(maxInFlightPerHost)
  const hostOf = new Map<string, string>()
  const wakeUp = createWakeUp()
  const results = createResultBuffer(deps, () => wakeUp.ring())
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

  const passedOver = () => {
    const ignored = new Set(webhooks.full().filter((id) => isStruggling(id)))
    for (const [id, host] of hostOf) if (!hosts.hasRoom(host)) ignored.add(id)
    const heldById = Map.groupBy(held, webhookIdOf)
    for (const [id, jobs] of heldById) if (jobs.length >= maxHeldPerWebhook) ignored.add(id)
    return [...ignored]
  }

  const claim = async (): Promise<number> => {
    const room = maxClaimed - claimed()
    if (room < claimSize) return 0
    const jobs = await deps.queue.claim(deliver, claimSize, passedOver())
    held.push(...jobs)
    return jobs.length
  }

  /** Takes the held jobs that have a slot now, and puts back those of webhooks that hang. */
  const takeStartable = (): DeliverJob[] => {
    const startable: DeliverJob[] = []
    const waiting: DeliverJob[] = []
    for (const job of held) {
      const webhookId = webhookIdOf(job)
      if (hasRoom(webhookId)) {
        webhooks.take(webhookId)
        startable.push(job)
      } else if (isStruggling(webhookId)) {
        results.add({ kind: 'released', job, delaySeconds: putBackSeconds() })
      } else {
        waiting.push(job)
      }
    }
    held = waiting
    inFlight += startable.length
    return startable
  }

  const end = (job: DeliverJob, hung: boolean | null) => {
    inFlight -= 1
    // No attempt tells nothing about the receiver: the limit stays as it is when it is raised and cut alike.
    webhooks.give(webhookIdOf(job), hung ?? false)
  }

  const start = (ready: ReadyDelivery) => {
    const host = ready.target.url.host
    rememberHost(hostOf, ready.delivery.webhookId, host)
    hosts.take(host)
    attemptDelivery(deps, ready)
      .then((attempt) => {
        const hung = attempt.outcome.status === null
        hosts.give(host, hung)
        end(ready.job, hung)
        results.add({ kind: 'attempted', job: ready.job, webhookId: ready.delivery.webhookId, attempt })
        reportAttempt(deps, ready, attempt)
      })
      .catch((error: unknown) => {
        hosts.give(host, false)
        end(ready.job, null)
        results.add({ kind: 'released', job: ready.job, delaySeconds: putBackSeconds() })
        deps.log.error({ err: error, deliveryId: ready.job.id }, 'delivery.broken')
      })
      .finally(() => wakeUp.ring())
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

  const run = async () => {
    while (!stopping) {
      try {
        const found = await claim()
        await startAll(takeStartable())
        if (found < claimSize) await wakeUp.wait(claimed() > 0 ? gatherMs : 0, idlePollMs)
      } catch (error) {
        deps.log.error({ err: error }, 'delivery.claim_failed')
        await wakeUp.wait(afterErrorMs, afterErrorMs)
      }
    }
  }
  const running = run()

  return {
    async stop() {
      stopping = true
      wakeUp.ring()
      await running
      for (const job of held) results.add({ kind: 'released', job, delaySeconds: 0 })
      held = []
      while (inFlight > 0) await wakeUp.wait(gatherMs, idlePollMs)
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
  const deliveries = new Map((await readDueDeliveries(deps.db, keys)).map((row) => [row.id, row]))
  const webhookKeys = new Map(
    [...deliveries.values()].map(({ appId, webhookId }) => [webhookId, { appId, webhookId }]),
  )
  const webhooks = new Map(
    (await readEnabledWebhooks(deps.db, [...webhookKeys.values()])).map((webhook) => [
      webhook.id,
      { generation: webhook.generation, target: toTarget(deps, webhook) },
    ]),
  )
  const read: ReadJobs = { ready: [], ended: [], unreadable: [] }
  for (const job of jobs) {
    const delivery = deliveries.get(job.id)
    const webhook = delivery && webhooks.get(delivery.webhookId)
    if (!delivery || !webhook || !isDue(delivery, webhook.generation)) read.ended.push(job)
    else if (!webhook.target) read.unreadable.push(job)
    else read.ready.push({ job, delivery, target: webhook.target })
  }
  return read
}

function isDue(delivery: DueDelivery, generation: number): boolean {
  return delivery.status === 'pending' && delivery.webhookGeneration === generation
}

function toTarget(deps: Pick<Deps, 'crypto' | 'log'>, webhook: TargetWebhook): Target | null {
  const url = new URL(webhook.url)
  if (!webhook.secret) return { url, secret: null }
  try {
    return {
      url,
      secret: deps.crypto.decrypt(webhook.secret, `webhook-secret:${webhook.id}`).toString('utf8'),
    }
  } catch (error) {
    deps.log.error({ err: error, webhookId: webhook.id }, 'webhook.secret_unreadable')
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
