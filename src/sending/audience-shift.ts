/** How the audience of a batch has changed since it was cut. */
export interface AudienceShift {
  /** Left before they were sent to: unsubscribed, deleted, inactive, or no longer what the targeting names. */
  skipped: number
  /** Came into the batch's key range meanwhile: active again, or what the targeting names now. */
  added: number
}

/**
 * What keeps a notification's sums right: `sent + failed + skipped` is its audience when it has completed. Who is sent
 * to is decided when it is sent, so those who come instead of somebody who left make up for them.
 *
 * @param expected how many the batch was cut for; null: an earlier version cut it and did not say
 * @param found how many are sent to
 */
export function audienceShift(expected: number | null, found: number): AudienceShift {
  const difference = found - (expected ?? found)
  return { skipped: Math.max(0, -difference), added: Math.max(0, difference) }
}
