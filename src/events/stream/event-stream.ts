import type { LoggedEvent } from '../event-store.ts'
import type { Follower } from './event-follower.ts'

/** Milliseconds that a client is told to wait before it reconnects. */
const reconnectMs = 2_000

/**
 * Writes the text of a stream, as defined by WHATWG HTML §9.2: a message per event, and a comment when nothing was sent
 * for `heartbeatMs`, so that each end notices when the other is gone. It reads more events only once its output was
 * consumed. It ends when `signal` aborts.
 */
export async function* writeEventStream(
  follower: Follower,
  { startId, heartbeatMs }: { startId: string; heartbeatMs: number },
  signal: AbortSignal,
): AsyncGenerator<string> {
  // An id without data is not an event. A client that is cut off before its first event resumes from this id.
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

/** A body is JSON on one line, so one `data` field is enough. */
function toMessage({ id, type, body }: LoggedEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${body}\n\n`
}
