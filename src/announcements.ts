import { announcementsOn } from './platform/db/announcements.ts'

/** Named by the hash in hex: API keys that were changed or revoked. */
export const keyChanges = announcementsOn('krafter_push_keys')

/** Named by id: apps that were changed or deleted. */
export const appChanges = announcementsOn('krafter_push_apps')

/** Named by id: apps that have something to send. */
export const sendingDue = announcementsOn('krafter_push_sending')

/** Named by id: apps that have new events and are followed. */
export const newEvents = announcementsOn('krafter_push_events')

/** Named by {@link laneName}: webhooks that have new deliveries. */
export const newDeliveries = announcementsOn('krafter_push_deliveries')

/**
 * Named by {@link laneName}: webhooks of which the owner of their deliveries has to forget what it knows. They were
 * changed, or deliveries were canceled that others wait for.
 */
export const laneChanges = announcementsOn('krafter_push_lanes')

export interface LaneIds {
  appId: string
  webhookId: string
}

export function laneName({ appId, webhookId }: LaneIds): string {
  return `${appId}:${webhookId}`
}

export function parseLaneName(name: string): LaneIds {
  const [appId, webhookId] = name.split(':')
  return { appId: appId!, webhookId: webhookId! }
}
