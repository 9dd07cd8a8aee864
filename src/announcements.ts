import { announcementsOn } from './platform/db/announcements.ts'

/** API keys that were changed or revoked. The name is the key's hash in hex. */
export const keyChanges = announcementsOn('krafter_push_keys')

/** Apps that were changed or deleted. The name is the app's id. */
export const appChanges = announcementsOn('krafter_push_apps')

/** Apps that were deleted, so that nothing more is sent for them. The name is the app's id. */
export const appDeletions = announcementsOn('krafter_push_deleted_apps')

/** Apps that have something to send. The name is the app's id. */
export const sendingDue = announcementsOn('krafter_push_sending')

/** Apps that have new events and open event streams. The name is the app's id. */
export const newEvents = announcementsOn('krafter_push_events')

/** Webhooks that have new deliveries. The name is their {@link laneName}. */
export const newDeliveries = announcementsOn('krafter_push_deliveries')

/**
 * Webhooks that were changed or deleted, or with canceled deliveries. The process that owns their deliveries must forget
 * what it knows about them. The name is their {@link laneName}.
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
