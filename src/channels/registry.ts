import type { Platform } from '../message-content.ts'
import type { Channel } from './channel.ts'
import type { Oversize, ShownMessage } from './message.ts'
import { createWebPushChannel, type WebPushOptions } from './web-push/web-push-channel.ts'

/** The channels by platform. Subscribers of a platform without a channel fail with a clear reason. */
export type Channels = Partial<Record<Platform, Channel>>

/**
 * Creates every channel of this version. A new one needs a folder and a line here, and passes `conformance.test.ts`.
 */
export function createChannels(options: WebPushOptions): Channels {
  return { web: createWebPushChannel(options) }
}

export async function closeChannels(channels: Channels): Promise<void> {
  await Promise.all(Object.values(channels).map((channel) => channel.close()))
}

/** @returns the field to shorten for the first channel whose pushes cannot hold a notification */
export function findOversize(channels: Channels, message: ShownMessage): Oversize | undefined {
  for (const channel of Object.values(channels)) {
    const oversize = channel.findOversize(message)
    if (oversize) return oversize
  }
  return undefined
}
