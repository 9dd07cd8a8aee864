import { randomBytes } from 'node:crypto'
import type { EventType, StreamMessage } from '../../packages/client/index.ts'
import { toTimestamp } from '../platform/clock.ts'
import { ConfigError } from '../platform/config-error.ts'
import { findOnly, openService, readServiceAccess, readWebhookSecret } from './api/open-service.ts'
import type { ServiceOptions } from './api/service-command.ts'
import { explain } from './listen/explain.ts'
import { type Forwarded, forwardEvent } from './listen/forward-event.ts'

export interface ListenOptions extends ServiceOptions {
  forward: string
  /** Comma-separated. */
  events?: string
  secretFile?: string
}

/** Events forwarded at a time. With a slow receiver, the stream waits instead of filling memory. */
const maxInFlight = 8

/**
 * `krafter-push listen`: posts an app's events to a local address, as a webhook would get them, until Ctrl-C.
 *
 * @throws ConfigError in one sentence
 */
export async function listen(options: ListenOptions): Promise<void> {
  const access = readServiceAccess(options)
  const url = access.url.replace(/\/+$/, '')
  const to = options.forward
  if (!/^https?:$/.test(URL.parse(to)?.protocol ?? ''))
    throw new ConfigError('--forward must be an http:// or https:// URL')
  // No retries, so that a wrong address is reported at once. An open stream still reconnects.
  const krafter = openService(options, { timeoutMs: answerTimeoutMs, maxRetries: 0 }, access)
  const given = readWebhookSecret(options)
  const secret = given || `whsec_${randomBytes(32).toString('base64')}`
  const print = options.json ? printJson : printText
  const interrupt = new AbortController()
  const { signal } = interrupt
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())
  let appId = options.app
  try {
    const app = appId
      ? { id: appId }
      : findOnly('app', (await krafter.apps.list({}, { signal })).data, ({ name }) => name, '--app')
    appId = app.id
    const opened = { service: url, app, to, secret: given ? undefined : secret }
    let isFirst = true
    const stream = krafter.events.follow(app.id, {
      // The service checks the event names.
      events: options.events?.split(',') as EventType[] | undefined,
      signal,
      onOpen: () => {
        print(isFirst ? { kind: 'listening', ...opened } : { kind: 'reconnected' })
        isFirst = false
      },
      onCut: ({ message }, waitMs) => print({ kind: 'cut', reason: message, waitMs: Math.round(waitMs) }),
    })
    const inFlight = new Set<Promise<void>>()
    for await (const message of stream.messages()) {
      const forwarded = forwardEvent(message, { to, secret }, signal).then((result) => {
        inFlight.delete(forwarded)
        if (!signal.aborted) print({ kind: 'event', at: new Date(), message, result })
      })
      inFlight.add(forwarded)
      if (inFlight.size >= maxInFlight) await Promise.race(inFlight)
    }
  } catch (error) {
    if (!signal.aborted) throw explain(error, url, appId)
  }
  // The work is done: exit although kept-alive connections may still hold the event loop.
  process.exit(0)
}

const answerTimeoutMs = 15_000

type Line =
  | {
      kind: 'listening'
      service: string
      app: { id: string; name?: string }
      to: string
      /** Shown only when this run generated it. */
      secret: string | undefined
    }
  | { kind: 'reconnected' }
  | { kind: 'cut'; reason: string; waitMs: number }
  | { kind: 'event'; at: Date; message: StreamMessage; result: Forwarded }

function printText(line: Line): void {
  switch (line.kind) {
    case 'listening': {
      const { id, name } = line.app
      console.log(`Listening to the events of ${name ? `${name} (${id})` : id} at ${line.service}`)
      console.log(`Forwarding them to ${line.to}, Ctrl-C ends it`)
      if (line.secret) console.log(`Secret, for this run: ${line.secret}`)
      console.log()
      break
    }
    case 'reconnected':
      console.error('connected again, nothing was lost')
      break
    case 'cut':
      console.error(`disconnected (${line.reason}): trying again in ${line.waitMs / 1_000} s`)
      break
    case 'event': {
      const { status, error, ms } = line.result
      const { event } = line.message
      console.log(
        `${toTimestamp(line.at)}  ${event.padEnd(eventWidth)}  ${status ?? error}  ${ms} ms  ${line.message.id}`,
      )
    }
  }
}

const eventWidth = 'subscriber.unsubscribed'.length

/** Prints one object per line. Only events go to stdout, so that all its lines have the same form. */
function printJson(line: Line): void {
  if (line.kind !== 'event') {
    const { kind, ...rest } = line
    console.error(JSON.stringify({ state: kind, ...rest }))
    return
  }
  const { at, message, result } = line
  console.log(JSON.stringify({ at: toTimestamp(at), id: message.id, event: message.event, ...result }))
}
