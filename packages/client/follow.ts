import type { Event } from './api-types.ts'
import { ConnectionError, type KrafterError, TimeoutError } from './errors.ts'
import { createStreamParser, type StreamMessage } from './event-stream.ts'
import type { RequestOptions } from './options.ts'
import { retryWait, sleep } from './retry.ts'
import { toFailure } from './transport.ts'

export interface FollowOptions extends Pick<RequestOptions, 'signal' | 'headers' | 'maxRetries'> {
  /** Only events of these names. Default: all. */
  events?: readonly Event['event'][] | undefined
  /** Start after this event. Default: with what happens from now on. */
  lastEventId?: string | undefined
  /** The stream is open, for the first time or again. */
  onOpen?(): void
  /** The stream was cut. It is opened again in `waitMs`, and nothing is lost. */
  onCut?(error: KrafterError, waitMs: number): void
}

/** The events of an app as they happen, until the loop over them ends or the signal aborts. */
export interface Following extends AsyncIterable<Event> {
  /** The same events as text: for those who pass them on byte by byte, for example signed. */
  messages(): AsyncGenerator<StreamMessage, void, undefined>
}

/** The service sends something every 15 seconds: after three times nothing the connection is dead. */
const silenceMs = 45_000
/** After a cut the service may send again what came in its last ten seconds. */
const maxRemembered = 50_000

/** Opens the stream once: `lastEventId` is where to go on. */
export type OpenStream = (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>

/**
 * Follows a stream of events, each once. A stream that is cut is opened again where it was, for as long as it takes.
 *
 * @param maxRetries how often the first opening is tried again
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
      // The first is empty: the stream is open.
      await chunks.next()
      wasOpen = true
      failures = 0
      onOpen?.()
      const parse = createStreamParser()
      for await (const text of chunks) {
        for (const message of parse(text)) {
          last = message.id || last
          // The service begins with an id alone: where to go on when it is cut before the first event.
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

/** The text of a stream as it comes, after an empty one when it is open. Silence ends it with a `TimeoutError`. */
async function* readChunks(open: () => Promise<Response>, ending: AbortController): AsyncGenerator<string> {
  // A reader that takes its time between two chunks is no silence.
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
