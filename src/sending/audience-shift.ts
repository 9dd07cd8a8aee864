/**
 * How the audience of a batch has changed since it was cut. This keeps a notification's sums right: once it has
 * completed, `sent + failed + skipped` is its audience. Recipients are determined at the time of sending, so a subscriber
 * that joined makes up for one that left.
 *
 * @param expected number of subscribers at the cut; null: an earlier version cut the batch and did not store it
 * @param found number of subscribers that are sent to
 * @returns `skipped`: subscribers that left before the send (unsubscribed, deleted, inactive, or no longer in the
 *   targeting); `added`: subscribers that joined the batch's key range (active again, or now in the targeting)
 */
export function audienceShift(expected: number | null, found: number) {
  const difference = found - (expected ?? found)
  return { skipped: Math.max(0, -difference), added: Math.max(0, difference) }
}
