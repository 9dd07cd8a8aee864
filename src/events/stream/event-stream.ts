import type { Follower } from './event-follower.ts'
import type { FollowedEvent } from './followed-event-store.ts'

/** What a client is told to wait before it connects again. */
const reconnectMs = 2_000

/**
 * The text of a stream, as WHATWG HTML §9.2 has it: a message per event, and a comment where nothing else was sent for
 * `heartbeatMs`, so that both ends notice when the other is gone. Reads on only when what it gave was taken. Ends when
 * `signal` aborts.
 */
export async function* writeEventStream(
  follower: Follower,
  { startId, heartbeatMs }: { startId: string; heartbeatMs: number },
  signal: AbortSignal,
): AsyncGenerator<string> {
  // An id without data is no event, but what a client goes on from when it is cut before the first one.
  yield `retry: ${reconnectMs}\nid: ${startId}\n\n`
  let sentAt = performance.now()
  while (!signal.aborted) {
    const events = await follower.read()
    if (events.length > 0) {
      yield events.map(toMessage).join('')
      sentAt = performance.now()
    } else if (performance.now() - sentAt >= heartbeatMs) {
      yield ':\n\n'
      sentAt = performance.now()
    }
    await follower.wait(sentAt + heartbeatMs - performance.now(), signal)
  }
}

/** A body is JSON on one line, so that it needs no more than one `data` field. */
function toMessage({ id, type, body }: FollowedEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${body}\n\n`
}
