import { createSlots } from '../../engine/slots.ts'
import type { Attempt } from '../attempt/attempt-delivery.ts'
import type { Lane } from './lane.ts'

/** Concurrent requests to one webhook, and to one host over all its webhooks. */
const webhookSlots = { initial: 8, max: 64, floor: 1 }
/**
 * With a floor of 1, one hanging webhook would take its host's only slot. The maximum is twice what the connections to
 * one origin carry: a request that waits for one takes it as soon as it is free, without a sweep.
 */
const hostSlots = { initial: 64, max: 512, floor: 8 }
/** An attempt without an answer counts as hung after this time. A connection refused at once costs nothing. */
const hungAfterMs = 1_000

/** Limits the requests to each webhook and to each host by how well they answer. */
export function createDeliverySlots() {
  const webhooks = createSlots(webhookSlots)
  const hosts = createSlots(hostSlots)
  return {
    /** How many more requests of a lane may start. */
    room: ({ webhookId, settings }: Lane) =>
      Math.min(webhooks.room(webhookId), settings ? hosts.room(settings.host) : hostSlots.initial),
    inUse: ({ webhookId }: Lane) => webhooks.inUse(webhookId),
    /** Takes a slot for a request that starts now. @returns gives the slot back after the attempt */
    take({ webhookId, settings }: Lane) {
      const { host } = settings!
      const startedAt = performance.now()
      webhooks.take(webhookId)
      hosts.take(host)
      return ({ outcome, durationMs }: Attempt) => {
        const hung = outcome.status === null && durationMs >= hungAfterMs
        webhooks.give(webhookId, hung ? startedAt : null)
        hosts.give(host, hung ? startedAt : null)
      }
    },
  }
}
