import type { Deps } from '../deps.ts'
import { deliver } from '../pipeline.ts'
import { attemptParcel, type Parcel } from './attempt-delivery.ts'
import { countWithin, halvedBytes } from './batch-size.ts'
import { type ClaimedDelivery, toClaimedDeliveries } from './claimed-delivery.ts'
import { readDueDeliveries } from './delivery-store.ts'
import { type Target, toTarget } from './delivery-targets.ts'
import { createParkedDeliveries } from './parked-deliveries.ts'
import { createRates } from './rates.ts'
import { createResultBuffer } from './result-buffer.ts'
import { createSlots } from './slots.ts'
import { createWakeUp } from './wake-up.ts'
import { createTraitsMemory, isSpecial, type Traits } from './webhook-traits.ts'

/** The loop that claims Deliver messages and makes the attempts. */
export interface DeliveryPump {
  /** Claims no more, lets the attempts under way end and records them; breaks them off after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>
}

type PumpDeps = Pick<
  Deps,
  'db' | 'queue' | 'clock' | 'random' | 'config' | 'log' | 'crypto' | 'outbound' | 'metrics' | 'version'
>

/** Deliveries claimed and not yet recorded, over all webhooks: what bounds memory. */
const maxClaimed = 2_048
/** Deliveries that a claim is to bring, as far as can be told: it is jobs that are claimed. */
const claimSize = 256
/** While many of them might have to go back: those to a webhook that has not answered yet, or that hangs. */
const cautiousClaimSize = 64
/** Attempts taken up or under way to one webhook, and to one host whatever the webhooks. */
export const maxInFlightPerWebhook = 64
/** Being read takes longer than being answered: with half as many, ten webhooks of a host get a quarter less. */
export const maxInFlightPerHost = 512
/** What a host that hangs is left with: were it one, a webhook that hangs would have it to itself, and others none. */
const minInFlightPerHost = 8
/** Claimed deliveries to one webhook that wait for its next slot; beyond, its jobs are passed over. */
const maxHeldPerWebhook = 64
/** The same over all webhooks; beyond, those go back whose webhook is not known to answer quickly: room for others'. */
const maxHeld = 512
/** A webhook whose attempts take longer is slow. One that has not answered yet may be. */
const slowMs = 500
/** For so long a webhook whose deliveries went back for that is passed over, unless it answers quickly before. */
const coolingMs = 2_000
/** Claimed deliveries to one webhook that wait for its own limits; twice a batch, if that is more. */
const maxParkedPerWebhook = 192
/** Claimed deliveries that wait for the limits of their webhooks; beyond, no more of such are claimed. */
const maxParked = 1_024
/** Those that stay here of a webhook that is slow: what is put back would not be here when a slot is free. */
const maxParkedOfStalled = 16
/** What is left of a peak in the number of deliveries in a job with each claim. */
const perJobDecay = 0.8
/** How long free slots are collected before their next attempts are read from the database together. */
const gatherMs = 5
/** How long a claim that left nothing waits at most, should nobody tell of jobs: those whose time has come by then. */
const idlePollMs = 150
/** A claim that passes jobs over reads through them: the longer it took, the longer the next one waits. */
const restPerClaim = 3
const maxRestMs = 20
const afterErrorMs = 1_000
/** An attempt without an answer that took so long has hung; a connection refused at once costs nobody anything. */
const hungAfterMs = 1_000
/** How long deliveries to a webhook that hangs are put back for, spread so that they do not all return at once. */
const putBackSeconds = () => 20 + Math.random() * 40
/** The same for one that is only slow. Held, they would keep others from being claimed. */
const putBackSlowSeconds = () => 2 + Math.random() * 4
/** The same for one that nothing is known of yet. */
const putBackUnknownSeconds = () => 0.3 + Math.random() * 0.4

/** Deliveries to one webhook that have taken a slot together and go out in one request, should their reading allow it. */
interface ClaimedParcel {
  webhookId: string
  /** Where its slot of a host is taken; empty while no host is known. */
  host: string
  deliveries: ClaimedDelivery[]
  /** The request is counted in its webhook's rate. */
  paid: boolean
  batched: boolean
}

/**
 * Starts the pump: claim → read → attempt → record, each step for many deliveries, none waiting for its slowest.
 *
 * Between the read and the start of an attempt nothing is awaited: a webhook disabled or deleted before the read is
 * never attempted after it. What a webhook's own limits are (a rate, attempts at a time, batches) is known from the
 * first read on: what was taken too early then goes back, and the like of it waits apart.
 */
export function startDeliveryPump(deps: PumpDeps): DeliveryPump {
  const webhooks = createSlots(maxInFlightPerWebhook, 1)
  const hosts = createSlots(maxInFlightPerHost, minInFlightPerHost)
  const traits = createTraitsMemory()
  const parked = createParkedDeliveries()
  const rates = createRates(deps.db)
  /** A slot is free or something was claimed. */
  const freed = createWakeUp()
  /** There may be room for more. */
  const wanted = createWakeUp()
  const results = createResultBuffer(deps, () => wanted.ring())
  let held: ClaimedDelivery[] = []
  /** Deliveries in a job of late. A burst of full ones after single ones must not bring many times what there is room for. */
  let perJob = 1
  /** Until when webhooks are passed over, milliseconds of performance.now(). */
  const coolingUntil = new Map<string, number>()
  let inFlight = 0
  let startingIdle: Promise<void> | undefined
  let stopping = false

  const claimed = () => held.length + parked.size() + inFlight + results.size()
  /** No host has this name, so that the slots of one not known yet are free. */
  const hostOf = (webhookId: string) => traits.get(webhookId)?.host ?? ''
  const hasRoom = (webhookId: string) => webhooks.hasRoom(webhookId) && hosts.hasRoom(hostOf(webhookId))
  const isStruggling = (webhookId: string) =>
    webhooks.isStruggling(webhookId) || hosts.isStruggling(hostOf(webhookId))
  const isUnknown = (webhookId: string) => (traits.get(webhookId)?.paceMs ?? null) === null
  /** Whether what waits for its slots waits for long. One that answers at once may be full as well, for a moment. */
  const isSlow = (webhookId: string) => {
    const paceMs = traits.get(webhookId)?.paceMs ?? 0
    return paceMs > slowMs || webhooks.fullForMs(webhookId) > slowMs
  }
  /** A busy host is full again and again, and its webhooks' turn comes all the same: only one where nothing moves stalls. */
  const isStalled = (webhookId: string) =>
    hosts.fullForMs(hostOf(webhookId)) > hungAfterMs || (webhooks.isStalled(webhookId) && isSlow(webhookId))
  const release = (deliveries: readonly ClaimedDelivery[], delaySeconds: () => number) => {
    for (const claimed of deliveries) {
      results.add({ kind: 'released', claimed, delaySeconds: delaySeconds() })
    }
  }
  const releaseStalled = (webhookId: string, deliveries: readonly ClaimedDelivery[]) => {
    if (isStruggling(webhookId)) release(deliveries, putBackSeconds)
    else release(deliveries, isUnknown(webhookId) ? putBackUnknownSeconds : putBackSlowSeconds)
  }

  const heldById = () => Map.groupBy(held, ({ webhookId }) => webhookId)

  const passedOver = () => {
    const ignored = new Set(webhooks.full().filter((id) => isStruggling(id) || isStalled(id)))
    for (const [id, { host }] of traits.entries()) if (hosts.fullForMs(host) > slowMs) ignored.add(id)
    for (const [id, ofWebhook] of heldById()) if (ofWebhook.length >= maxHeldPerWebhook) ignored.add(id)
    for (const [id, until] of coolingUntil) {
      if (until > performance.now()) ignored.add(id)
      else coolingUntil.delete(id)
    }
    const isFull = parked.size() >= maxParked
    for (const id of parked.webhookIds()) {
      if (isFull || parked.count(id) >= maxParkedOf(traits.get(id))) ignored.add(id)
    }
    return ignored
  }

  /** What waits in numbers waits for receivers that are slow, or may be: each keeps its share, the rest comes back. */
  const makeRoomInHeld = () => {
    if (held.length <= maxHeld) return
    const byId = heldById()
    const share = Math.floor(maxHeld / 2 / byId.size)
    held = []
    for (const [id, ofWebhook] of byId) {
      const kept = isSlow(id) || isUnknown(id) ? share : ofWebhook.length
      held.push(...ofWebhook.slice(0, kept))
      if (ofWebhook.length <= kept) continue
      releaseStalled(id, ofWebhook.slice(kept))
      coolingUntil.set(id, performance.now() + coolingMs)
    }
  }

  const claim = async (): Promise<{ found: number; mayHaveMore: boolean }> => {
    makeRoomInHeld()
    if (maxClaimed - claimed() < claimSize) return { found: 0, mayHaveMore: false }
    const ignored = passedOver()
    const isRisky =
      held.some(({ webhookId }) => isUnknown(webhookId)) ||
      webhooks.struggling().some((id) => !ignored.has(id))
    const limit = Math.ceil((isRisky ? cautiousClaimSize : claimSize) / perJob)
    const jobs = await deps.queue.claim(deliver, limit, [...ignored])
    const found = jobs.flatMap(toClaimedDeliveries)
    held.push(...found)
    if (jobs.length > 0) perJob = Math.max(found.length / jobs.length, perJob * perJobDecay)
    return { found: found.length, mayHaveMore: jobs.length === limit }
  }

  const takeSlot = (given: Omit<ClaimedParcel, 'host'>): ClaimedParcel => {
    const parcel = { ...given, host: '' }
    webhooks.take(parcel.webhookId, traits.get(parcel.webhookId)?.maxInFlight ?? undefined)
    takeHost(parcel, hostOf(parcel.webhookId))
    inFlight += parcel.deliveries.length
    return parcel
  }

  const takeHost = (parcel: ClaimedParcel, host: string) => {
    if (parcel.host === host) return
    if (parcel.host) hosts.cancel(parcel.host)
    if (host) hosts.take(host)
    parcel.host = host
  }

  /** Takes what is held for `wanted` and has a slot now, and puts back what goes to webhooks that hang or are slow. */
  const takeHeld = (wanted: (webhookId: string) => boolean): ClaimedParcel[] => {
    const taken: ClaimedParcel[] = []
    const waiting: ClaimedDelivery[] = []
    for (const delivery of held) {
      const { webhookId } = delivery
      const known = traits.get(webhookId)
      if (!wanted(webhookId)) waiting.push(delivery)
      else if (known && isSpecial(known)) parked.park(delivery)
      else if (hasRoom(webhookId))
        taken.push(takeSlot({ webhookId, deliveries: [delivery], paid: false, batched: false }))
      else if (webhooks.isStruggling(webhookId) || isStalled(webhookId)) releaseStalled(webhookId, [delivery])
      else waiting.push(delivery)
    }
    held = waiting
    return taken
  }

  /** Takes what is parked as far as the limits of their webhooks allow now. */
  const takeParked = async (): Promise<ClaimedParcel[]> => {
    const taken: ClaimedParcel[] = []
    for (const webhookId of parked.webhookIds()) {
      const known = traits.get(webhookId)
      if (!known || !isSpecial(known)) {
        held.push(...parked.take(webhookId, Number.POSITIVE_INFINITY))
        continue
      }
      release(parked.takeBeyond(webhookId, maxParkedOf(known)), putBackSlowSeconds)
      if (!hasRoom(webhookId) && isStalled(webhookId)) {
        releaseStalled(webhookId, parked.takeBeyond(webhookId, maxParkedOfStalled))
        continue
      }
      taken.push(...(await takeOf(webhookId, known)))
    }
    return taken
  }

  const takeOf = async (webhookId: string, { rateLimit, batch }: Traits): Promise<ClaimedParcel[]> => {
    const isFull = () => parked.count(webhookId) >= (batch?.max_events ?? 1)
    const isDue = () =>
      isFull() ||
      (batch !== null && parked.count(webhookId) > 0 && parked.waitingMs(webhookId) >= batch.max_wait_ms)
    if (!isDue() || !hasRoom(webhookId)) return []
    const parcels = Math.max(1, Math.floor(parked.count(webhookId) / (batch?.max_events ?? 1)))
    let allowed = rateLimit === null ? parcels : await rates.take(webhookId, rateLimit, parcels)
    const taken: ClaimedParcel[] = []
    while (allowed > 0 && isDue() && hasRoom(webhookId)) {
      const deliveries = parked.take(webhookId, batch?.max_events ?? 1)
      taken.push(takeSlot({ webhookId, deliveries, paid: rateLimit !== null, batched: batch !== null }))
      allowed -= 1
    }
    return taken
  }

  const end = ({ webhookId, host, deliveries }: ClaimedParcel, hungSince: number | null) => {
    inFlight -= deliveries.length
    webhooks.give(webhookId, hungSince)
    if (host) hosts.give(host, hungSince)
  }

  /** No attempt was made, so that nothing is learned about the receiver. */
  const giveUp = (parcel: ClaimedParcel) => {
    inFlight -= parcel.deliveries.length
    webhooks.cancel(parcel.webhookId)
    takeHost(parcel, '')
  }

  /** A batch that was too large goes again in smaller ones: that is no attempt of its events. */
  const splitTooLarge = ({ webhookId, deliveries }: ClaimedParcel, parcel: Parcel, status: number | null) => {
    const sizes = parcel.deliveries.map(({ delivery }) => Buffer.byteLength(delivery.body))
    const maxBytes = parcel.batched ? halvedBytes(status, sizes) : null
    if (maxBytes === null) return false
    traits.noteTooLarge(webhookId, maxBytes)
    if (stopping) release(deliveries, () => 0)
    else parked.putFirst(webhookId, deliveries)
    const { appId } = deliveries[0]!
    deps.log.info({ appId, webhookId, events: sizes.length, maxBytes }, 'delivery.batch_too_large')
    return true
  }

  /** What a batch has no room for waits for the next one, which is due. */
  const keepWithinBytes = (parcel: ClaimedParcel, due: Parcel['deliveries'], { maxBytes }: Traits) => {
    if (!parcel.batched) return due
    const count = countWithin(
      due.map(({ delivery }) => Buffer.byteLength(delivery.body)),
      maxBytes,
    )
    if (count === due.length) return due
    parked.putFirst(parcel.webhookId, parcel.deliveries.slice(count))
    parcel.deliveries = parcel.deliveries.slice(0, count)
    inFlight -= due.length - count
    freed.ring()
    return due.slice(0, count)
  }

  const start = (claimedParcel: ClaimedParcel, parcel: Parcel) => {
    const startedAt = performance.now()
    attemptParcel(deps, parcel)
      .then((attempt) => {
        const hung = attempt.outcome.status === null && attempt.durationMs >= hungAfterMs
        const hungSince = hung ? startedAt : null
        end(claimedParcel, hungSince)
        traits.notePace(claimedParcel.webhookId, attempt.durationMs)
        if (attempt.durationMs <= slowMs) coolingUntil.delete(claimedParcel.webhookId)
        if (stopping && attempt.outcome.error === 'aborted') {
          // It was us who broke it off: that is no failure of the receiver's.
          release(claimedParcel.deliveries, () => 0)
          return
        }
        if (splitTooLarge(claimedParcel, parcel, attempt.outcome.status)) return
        for (const { claimed, delivery } of parcel.deliveries) {
          results.add({ kind: 'attempted', claimed, delivery, attempt })
        }
        reportAttempt(deps, parcel, attempt)
      })
      .catch((error: unknown) => {
        giveUp(claimedParcel)
        release(claimedParcel.deliveries, putBackSeconds)
        deps.log.error({ err: error, deliveryId: claimedParcel.deliveries[0]!.id }, 'delivery.broken')
      })
      .finally(() => freed.ring())
  }

  /** Whether what is now known of the webhook allows what was taken. */
  const isAllowed = ({ webhookId, deliveries, paid, batched }: ClaimedParcel, known: Traits): boolean =>
    (known.rateLimit === null || paid) &&
    (known.batch !== null) === batched &&
    deliveries.length <= (known.batch?.max_events ?? 1) &&
    !webhooks.isOver(webhookId, known.maxInFlight ?? Number.POSITIVE_INFINITY) &&
    !hosts.isOver(known.host, maxInFlightPerHost)

  const startAll = async (parcels: ClaimedParcel[]) => {
    if (parcels.length === 0) return
    const read = await readParcels(deps, parcels).catch((error: unknown) => {
      for (const parcel of parcels) {
        giveUp(parcel)
        held.push(...parcel.deliveries)
      }
      throw error
    })
    for (const { claimedParcel, due, ended, target } of read) {
      for (const claimed of ended) results.add({ kind: 'canceled', claimed })
      inFlight -= ended.length
      claimedParcel.deliveries = due.map(({ claimed }) => claimed)
      if (due.length === 0) {
        // Its webhook is gone or disabled: however little it was left with, the rest ends quickly.
        end(claimedParcel, null)
        continue
      }
      if (!target) {
        giveUp(claimedParcel)
        release(claimedParcel.deliveries, putBackSeconds)
        continue
      }
      const { host } = target.url
      takeHost(claimedParcel, host)
      const known = traits.remember(due[0]!.delivery.webhook, host)
      if (isAllowed(claimedParcel, known)) {
        const deliveries = keepWithinBytes(claimedParcel, due, known)
        start(claimedParcel, { deliveries, target, batched: claimedParcel.batched })
      } else {
        giveUp(claimedParcel)
        held.push(...claimedParcel.deliveries)
        freed.ring()
      }
    }
  }

  /** Milliseconds until what is parked may go, 0 when nothing says so. */
  const nextParkedMs = () => {
    const waits = parked.webhookIds().map((id) => {
      const batch = traits.get(id)?.batch
      return Math.max(rates.waitMs(id), batch ? batch.max_wait_ms - parked.waitingMs(id) : 0)
    })
    return Math.max(0, Math.min(idlePollMs, ...waits.filter((wait) => wait > 0)))
  }

  /**
   * Webhooks with nothing under way do not wait until what has been taken for busy ones is read, which takes as long as
   * the database is busy with them.
   */
  const startIdle = () => {
    if (startingIdle) return
    const busy = new Set(held.map(({ webhookId }) => webhookId).filter((id) => webhooks.isOver(id, 0)))
    startingIdle = startAll(takeHeld((id) => !busy.has(id)))
      .catch((error: unknown) => deps.log.error({ err: error }, 'delivery.read_failed'))
      .finally(() => {
        startingIdle = undefined
      })
  }

  /** Claims ahead of the slots, so that a freed one finds its next delivery here. */
  const claimLoop = async () => {
    while (!stopping) {
      try {
        const startedAt = performance.now()
        const { found, mayHaveMore } = await claim()
        if (found > 0) {
          startIdle()
          freed.ring()
        }
        if (!mayHaveMore) {
          const restMs = Math.max(gatherMs, restPerClaim * (performance.now() - startedAt))
          await wanted.wait(Math.min(restMs, maxRestMs), idlePollMs)
        }
      } catch (error) {
        deps.log.error({ err: error }, 'delivery.claim_failed')
        await wanted.wait(afterErrorMs, afterErrorMs)
      }
    }
  }

  const startLoop = async () => {
    while (!stopping) {
      await freed.wait(gatherMs, nextParkedMs())
      try {
        const fromHeld = takeHeld(() => true)
        await startAll([...fromHeld, ...(await takeParked())])
        wanted.ring()
      } catch (error) {
        deps.log.error({ err: error }, 'delivery.read_failed')
        await freed.wait(afterErrorMs, afterErrorMs)
      }
    }
  }
  deps.queue.onEnqueued(deliver, wanted.ring)
  const running = Promise.all([claimLoop(), startLoop()])

  return {
    async stop(timeoutMs) {
      const breakOff = setTimeout(() => void deps.outbound.close(), timeoutMs)
      stopping = true
      wanted.ring()
      freed.ring()
      await running
      await startingIdle
      release(held, () => 0)
      held = []
      for (const id of parked.webhookIds()) release(parked.take(id, Number.POSITIVE_INFINITY), () => 0)
      while (inFlight > 0) await freed.wait(gatherMs, idlePollMs)
      clearTimeout(breakOff)
      await results.drain()
    },
  }
}

/** Seconds' worth of a rate that may wait here, well within a claim's expiry. */
const parkedSeconds = 20

function maxParkedOf(known: Traits | undefined): number {
  if (known?.batch) return Math.max(maxParkedPerWebhook, 2 * known.batch.max_events)
  if (!known?.rateLimit) return maxParkedPerWebhook
  return Math.min(maxParkedPerWebhook, known.rateLimit * parkedSeconds)
}

interface ReadParcel {
  claimedParcel: ClaimedParcel
  due: Parcel['deliveries']
  /** Their delivery or webhook is not to be attempted any more. */
  ended: ClaimedDelivery[]
  /** Null: the webhook's secrets do not decrypt. An operator has to mend that, the others go on. */
  target: Target | null
}

async function readParcels(
  deps: Pick<Deps, 'db' | 'clock' | 'crypto' | 'log'>,
  parcels: readonly ClaimedParcel[],
): Promise<ReadParcel[]> {
  const held = parcels.flatMap(({ deliveries }) => deliveries)
  const found = await readDueDeliveries(deps.db, held, deps.clock.now())
  const byId = new Map(found.map((delivery) => [delivery.id, delivery]))
  const targets = new Map<string, Target | null>()
  return parcels.map((claimedParcel) => {
    const due = claimedParcel.deliveries.flatMap((claimed) => {
      const delivery = byId.get(claimed.id)
      return delivery ? [{ claimed, delivery }] : []
    })
    const ended = claimedParcel.deliveries.filter(({ id }) => !byId.has(id))
    const webhook = due[0]?.delivery.webhook
    const target = webhook ? targets.getOrInsertComputed(webhook.id, () => readTarget(deps, webhook)) : null
    return { claimedParcel, due, ended, target }
  })
}

function readTarget(
  deps: Pick<Deps, 'crypto' | 'log'>,
  webhook: Parameters<typeof toTarget>[1],
): Target | null {
  try {
    return toTarget(deps, webhook)
  } catch (error) {
    deps.log.error({ err: error, webhookId: webhook.id }, 'webhook.secret_unreadable')
    return null
  }
}

function reportAttempt(
  deps: Pick<Deps, 'log' | 'metrics'>,
  { deliveries, batched }: Parcel,
  attempt: Awaited<ReturnType<typeof attemptParcel>>,
): void {
  const { succeeded, error, reason, status } = attempt.outcome
  const { delivery } = deliveries[0]!
  deps.metrics.attempts.inc({ outcome: error ?? 'succeeded' })
  deps.metrics.attemptSeconds.observe(attempt.durationMs / 1_000)
  // A line per success would be thousands a second; the attempts table has them all.
  deps.log[succeeded ? 'debug' : 'info'](
    {
      appId: delivery.appId,
      webhookId: delivery.webhook.id,
      deliveryId: delivery.id,
      eventId: delivery.eventId,
      event: delivery.eventType,
      events: batched ? deliveries.length : undefined,
      attempt: delivery.attemptCount + 1,
      attemptId: attempt.id,
      status,
      error,
      reason,
      ms: attempt.durationMs,
    },
    'delivery.attempted',
  )
}
