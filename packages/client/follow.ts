import type { Event } from './api-types.ts'
import { ConnectionError, type KrafterError, TimeoutError } from './errors.ts'
import { createStreamParser, type StreamMessage } from './event-stream.ts'
import type { RequestOptions } from './options.ts'
import { retryWait, sleep } from './retry.ts'
import { toFailure } from './transport.ts'

export interface FollowOptions extends Pick<RequestOptions, 'signal' | 'headers' | 'maxRetries'> {
  /** Only events with these names. Default: all. */
  events?: readonly Event['event'][] | undefined
  /** Start after this event. Default: start with new events. */
  lastEventId?: string | undefined
  /** Called when the stream opens, for the first time or again. */
  onOpen?(): void
  /** Called when the stream was cut. It is opened again after `waitMs`, and no event is lost. */
  onCut?(error: KrafterError, waitMs: number): void
}

/** The events of an app as they happen, until the loop over them ends or the signal aborts. */
export interface Following extends AsyncIterable<Event> {
  /** The same events as text, for callers that forward them unchanged, for example signed. */
  messages(): AsyncGenerator<StreamMessage, void, undefined>
}

/** The service sends something every 15 seconds. After three missed intervals, the connection counts as dead. */
const silenceMs = 45_000
/** How many event ids are remembered: after a cut, the service may repeat the events of the last ten seconds. */
const maxRemembered = 50_000

/** Opens the stream once, continuing after `lastEventId`. */
export type OpenStream = (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>

/**
 * Follows a stream and yields each event once. After a cut, it retries any number of times and continues where the
 * stream ended, unless the service refuses.
 *
 * @param maxRetries how often opening the stream is retried before it was open for the first time
 */
export function toFollowing(open: OpenStream, maxRetries: number, options: FollowOptions): Following {
  const messages = () => followMessages(open, maxRetries, options)
  async function* events(): AsyncGenerator<Event> {
    for await (const { data } of messages()) yield JSON.parse(data)
  }
  return { messages, [Symbol.asyncIterator]: events }
}

async function* followMessages(
  open: OpenStream,
  maxRetries: number,
  { signal, lastEventId, onOpen, onCut }: FollowOptions,
): AsyncGenerator<StreamMessage, void, undefined> {
  const remembered = new Set<string>()
  let last = lastEventId
  let wasOpen = false
  for (let failures = 0; ; failures++) {
    let error: unknown = new ConnectionError('the service ended the stream')
    const ending = new AbortController()
    const abort = () => ending.abort(signal!.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    try {
      const chunks = readChunks(() => open(last, ending.signal), ending)
      // The first chunk is empty: it signals that the stream is open.
      await chunks.next()
      wasOpen = true
      failures = 0
      onOpen?.()
      const parse = createStreamParser()
      for await (const text of chunks) {
        for (const message of parse(text)) {
          last = message.id || last
          // The first message has only an id, from which to continue if the stream is cut before the first event.
          if (!message.data || remembered.has(message.id)) continue
          remember(remembered, message.id)
          yield message
        }
      }
    } catch (reason) {
      error = reason
    } finally {
      signal?.removeEventListener('abort', abort)
      ending.abort()
    }
    const waitMs = wasOpen || failures < maxRetries ? retryWait(error, true, failures) : undefined
    if (signal?.aborted || waitMs === undefined) throw error
    onCut?.(error as KrafterError, waitMs)
    await sleep(waitMs, signal)
  }
}

/** Yields '' when the stream is open, then its text as it arrives. Silence ends it with a `TimeoutError`. */
async function* readChunks(open: () => Promise<Response>, ending: AbortController): AsyncGenerator<string> {
  // The timer runs only while reading, so a slow consumer between two chunks does not count as silence.
  const inTime = async <T>(work: Promise<T>): Promise<T> => {
    const die = () => ending.abort(new TimeoutError(`nothing came for ${silenceMs / 1_000} seconds`))
    const timer = setTimeout(die, silenceMs)
    return work.finally(() => clearTimeout(timer))
  }
  const decoder = new TextDecoder()
  try {
    const reader = (await inTime(open())).body!.getReader()
    yield ''
    for (;;) {
      const { done, value } = await inTime(reader.read())
      if (done) return
      yield decoder.decode(value, { stream: true })
    }
  } catch (error) {
    throw toFailure(error, 'the stream broke off', ending.signal)
  }
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id)
  if (ids.size > maxRemembered) ids.delete(ids.values().next().value!)
}
