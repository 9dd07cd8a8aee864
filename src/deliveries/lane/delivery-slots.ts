import { createSlots } from '../../engine/slots.ts'
import type { Attempt } from '../attempt/attempt-delivery.ts'
import type { Lane } from './lane.ts'

/** Concurrent requests to one webhook, and to one host over all its webhooks. */
const webhookSlots = { initial: 8, max: 64, floor: 1 }
/**
 * With a floor of 1, one hanging webhook would take its host's only slot. The maximum is what two HTTP/2 connections
 * carry; over HTTP/1.1 each request needs a connection, which takes 100 KB.
 */
const hostSlots = { initial: 64, max: 256, floor: 8 }
export const maxInFlightPerHost = hostSlots.max
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
