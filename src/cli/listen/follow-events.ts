import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError } from '../../platform/config-error.ts'
import { createStreamParser, type StreamMessage } from './event-stream-parser.ts'
import { describeFailure, openStream, type ServiceAddress } from './service-client.ts'

export interface Following {
  service: ServiceAddress
  appId: string
  /** Comma-separated names; undefined: all. */
  events: string | undefined
  /** The stream is open, for the first time or again. */
  onOpen(): void
  /** The stream was cut; it is opened again after so long. */
  onCut(reason: string, waitMs: number): void
}

const firstWaitMs = 500
/** Well within the minute for which the service keeps the events for a stream that was cut. */
const maxWaitMs = 10_000
/** After a cut the service may send again what came in its last ten seconds. */
const maxRemembered = 50_000

/**
 * The events of an app, each once, until `signal` aborts. A cut stream is opened again where it was.
 *
 * @throws ConfigError in one sentence when it cannot be opened at first, or never again
 */
export async function* followEvents(
  following: Following,
  signal: AbortSignal,
): AsyncGenerator<StreamMessage> {
  const remembered = new Set<string>()
  let lastEventId: string | undefined
  let wasOpen = false
  let failures = 0
  while (!signal.aborted) {
    let reason = 'the service ended the stream'
    try {
      const body = await openStream(following.service, { ...following, lastEventId }, signal)
      following.onOpen()
      wasOpen = true
      failures = 0
      const parse = createStreamParser()
      for await (const text of body.setEncoding('utf8')) {
        for (const message of parse(text)) {
          if (message.id) lastEventId = message.id
          // The service begins with an id alone: where to go on when it is cut before the first event.
          if (!message.data || remembered.has(message.id)) continue
          remember(remembered, message.id)
          yield message
        }
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof ConfigError) throw error
      reason = describeFailure(error)
      if (!wasOpen) throw unreachable(following.service, error)
    }
    const waitMs = Math.min(maxWaitMs, firstWaitMs * 2 ** failures)
    failures += 1
    following.onCut(reason, waitMs)
    await sleep(waitMs, undefined, { signal }).catch(() => {})
  }
}

export function unreachable({ url }: ServiceAddress, cause: unknown): ConfigError {
  return new ConfigError(`the service at ${url} cannot be used: ${describeFailure(cause)}`, { cause })
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id)
  if (ids.size > maxRemembered) ids.delete(ids.values().next().value!)
}
