import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { authenticate } from '../../access/authenticate.ts'
import type { KeyRing } from '../../access/key-ring.ts'
import type { KnownApps } from '../../apps/known-apps.ts'
import type { Config } from '../../config/config.ts'
import type { Deps } from '../../deps.ts'
import { ApiError, refusals } from '../../platform/errors.ts'
import { quote } from '../../platform/http/fields.ts'
import type { Server } from '../../platform/http/server.ts'
import { newId, parseId } from '../../platform/ids.ts'
import { refTo } from '../../platform/openapi/components.ts'
import { type EventType, eventTypes } from '../catalog.ts'
import { createEventFeeds, type FeedTimes } from './event-feeds.ts'
import { startFollower } from './event-follower.ts'
import { writeEventStream } from './event-stream.ts'
import { type OpenStream, openStream } from './open-stream.ts'
import { takeLease } from './stream-lease-store.ts'
import { streamDocs } from './stream-schema.ts'

/** Timings of streams, in milliseconds. */
const defaultTimes = {
  gatherMs: 25,
  announcedMs: 10_000,
  unannouncedMs: 250,
  /** While events are committed, how often streams look for events committed late. */
  sweepMs: 1_000,
  heartbeatMs: 15_000,
  /**
   * How long a lease stores events without a renewal. Every `renewMs`, it is renewed and the API key checked again: a
   * client has at least a minute to reconnect.
   */
  leaseMs: 75_000,
  renewMs: 15_000,
  /** How long a client may read nothing of its stream. */
  stallMs: 60_000,
} satisfies FeedTimes & Record<string, number>

/** The timings, and the limits on open streams in this process: in all, and for one team. */
export type StreamSettings = typeof defaultTimes & Pick<Config, 'maxStreams' | 'maxStreamsPerTeam'>

const querystring = z.object({
  event: z
    .union([z.string(), z.array(z.string())])
    .transform((given, context): EventType[] => {
      const names = [given].flat().flatMap((list) => list.split(','))
      const unknown = names.find((name) => !eventTypes.includes(name as EventType))
      if (unknown !== undefined) {
        context.addIssue({ code: 'custom', message: `has an unknown event: ${quote(unknown)}` })
      }
      return names as EventType[]
    })
    .optional()
    .meta({
      description: 'Only events of these names, separated by commas.',
      anyOf: undefined,
      type: 'array',
      items: refTo('EventType'),
    }),
  last_event_id: z.string().optional().meta({
    format: 'uuid',
    description: 'The same as the header `last-event-id`, for clients that cannot set headers.',
  }),
})

type StreamDeps = Pick<Deps, 'config' | 'db' | 'clock' | 'log' | 'metrics' | 'notices'> & {
  keys: KeyRing
  apps: KnownApps
}

/** Registers the route that streams the events of an app as server-sent events. */
export function registerStreamRoutes(
  server: Server,
  deps: StreamDeps,
  given: Partial<StreamSettings> = {},
): void {
  const { maxStreams, maxStreamsPerTeam } = deps.config
  const settings = { ...defaultTimes, maxStreams, maxStreamsPerTeam, ...given }
  const openFeed = createEventFeeds(deps, settings)
  /** The open streams, each with its team's id. */
  const open = new Map<OpenStream, string>()
  let draining = false
  server.addHook('preClose', async () => {
    draining = true
    for (const stream of open.keys()) stream.drain()
  })
  server.get(
    '/push/apps/:app_id/events/stream',
    { exposeHeadRoute: false, schema: { ...streamDocs, querystring } },
    async (request, reply) => {
      const after = readLastEventId(request, request.query.last_event_id)
      requirePlace([...open.values()], request.teamId, settings)
      const feed = openFeed(request.app.id)
      const stream = openStream(request, reply, () => {
        feed.close()
        open.delete(stream)
        deps.metrics.streams.set(open.size)
      })
      open.set(stream, request.teamId)
      deps.metrics.streams.set(open.size)
      if (draining) stream.drain()
      // The stream's id sorts by time among event ids, so a client can resume from it.
      const id = newId()
      const renew = () => renewLease(deps, settings, request.app.id, id)
      await renew()
      const types = request.query.event && new Set(request.query.event)
      const follower = await startFollower(feed, { after, types, sweepMs: settings.sweepMs })
      keepLease(deps, settings, request, { appId: request.app.id, renew, stream })
      request.raw.socket.setTimeout(settings.stallMs)
      const startId = after === undefined || after > id ? id : after
      const text = writeEventStream(follower, { ...settings, startId }, stream.signal)
      return reply
        .headers({
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          // Without this header, nginx would hold events back until its buffer is full.
          'x-accel-buffering': 'no',
          connection: 'close',
        })
        .send(Readable.from(endOnError(text, deps, request.app.id)))
    },
  )
}

/**
 * @param teams the team of each open stream
 * @throws 503 when the process has its maximum of streams; 429 when the team has its maximum
 */
function requirePlace(
  teams: readonly string[],
  teamId: string,
  { maxStreams, maxStreamsPerTeam }: StreamSettings,
): void {
  if (teams.length >= maxStreams) throw refusals.tooManyStreams()
  if (teams.filter((team) => team === teamId).length >= maxStreamsPerTeam)
    throw refusals.tooManyStreamsOfTeam()
}

function readLastEventId(request: FastifyRequest, fromQuery: string | undefined): string | undefined {
  // The header wins: a client that reconnects by itself uses the old URL with a new header.
  const fromHeader = request.headers['last-event-id']
  const [name, value] = fromHeader ? ['Last-Event-ID', String(fromHeader)] : ['last_event_id', fromQuery]
  if (value === undefined) return undefined
  const id = parseId(value)
  if (id === undefined) throw refusals.invalid({ [name!]: ['must be the UUID of an event'] })
  return id
}

async function renewLease(
  { db, clock }: StreamDeps,
  { leaseMs }: StreamSettings,
  appId: string,
  id: string,
): Promise<void> {
  const now = clock.now()
  const expiresAt = new Date(now.getTime() + leaseMs)
  if (!(await takeLease(db, { appId, id, expiresAt }, now))) throw refusals.notFound()
}

/** Renews the lease while the stream is open, however slow the client. Ends it when its API key or app is gone. */
async function keepLease(
  deps: StreamDeps,
  { renewMs }: StreamSettings,
  request: FastifyRequest,
  { appId, renew, stream }: { appId: string; renew: () => Promise<void>; stream: OpenStream },
): Promise<void> {
  try {
    for (;;) {
      await sleep(renewMs, undefined, { signal: stream.signal, ref: false })
      const key = await authenticate(deps, request)
      if (!key) break
      await deps.apps.require(key.teamId, appId)
      await renew()
    }
  } catch (error) {
    const isExpected = stream.signal.aborted || error instanceof ApiError
    if (!isExpected) deps.log.warn({ err: error, appId }, 'stream.failed')
  }
  stream.end()
}

/** Ends the stream on an error, so that the client reconnects: the response head was sent long before. */
async function* endOnError(
  text: AsyncGenerator<string>,
  { log }: Pick<Deps, 'log'>,
  appId: string,
): AsyncGenerator<string> {
  try {
    yield* text
  } catch (error) {
    log.warn({ err: error, appId }, 'stream.failed')
  }
}
