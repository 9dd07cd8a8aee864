import { type Dispatcher, request } from 'undici'
import { ConfigError } from '../../platform/config-error.ts'

/** The service whose events are listened to. */
export interface ServiceAddress {
  /** Without a trailing slash. */
  url: string
  key: string
}

const answerTimeoutMs = 15_000
/** The service sends something every 15 seconds: three times nothing means that the connection is dead. */
const silenceMs = 45_000

/**
 * The team's only app.
 *
 * @throws ConfigError in one sentence when it has none or several, or the service cannot be asked
 */
export async function findOnlyApp(
  service: ServiceAddress,
  signal: AbortSignal,
): Promise<{ id: string; name: string }> {
  const answer = await ask(service, '/push/apps', {}, signal)
  const { data } = (await answer.body.json().catch(() => ({}))) as { data?: { id: string; name: string }[] }
  if (!Array.isArray(data)) throw new ConfigError(`--url: ${service.url} is no Krafter Push service`)
  const [only, ...others] = data
  if (!only) throw new ConfigError('there is no app yet: create one with krafter-push apps create')
  if (others.length > 0) {
    const list = data.map(({ id, name }) => `${id} (${name})`).join(', ')
    throw new ConfigError(`there are several apps, choose one with --app: ${list}`)
  }
  return only
}

/**
 * Opens the stream of an app's events.
 *
 * @param lastEventId go on after this event
 * @throws ConfigError when asking again would change nothing; another error when it might
 */
export async function openStream(
  service: ServiceAddress,
  stream: { appId: string; events: string | undefined; lastEventId: string | undefined },
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData['body']> {
  const { appId, events, lastEventId } = stream
  const query = events ? `?event=${encodeURIComponent(events)}` : ''
  const path = `/push/apps/${encodeURIComponent(appId)}/events/stream${query}`
  const headers: Record<string, string> = lastEventId ? { 'last-event-id': lastEventId } : {}
  const answer = await ask(service, path, headers, signal, appId)
  if (!String(answer.headers['content-type']).startsWith('text/event-stream')) {
    await answer.body.dump()
    throw new ConfigError(`--url: ${service.url} is no Krafter Push service that can stream events`)
  }
  return answer.body
}

async function ask(
  { url, key }: ServiceAddress,
  path: string,
  headers: Record<string, string>,
  signal: AbortSignal,
  appId?: string,
): Promise<Dispatcher.ResponseData> {
  const answer = await request(`${url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    headersTimeout: answerTimeoutMs,
    bodyTimeout: silenceMs,
    signal,
  })
  if (answer.statusCode === 200) return answer
  const body = (await answer.body.json().catch(() => ({}))) as {
    error?: string
    details?: Record<string, string[]>
  }
  switch (answer.statusCode) {
    case 401:
      throw new ConfigError(`${url} does not accept the API key: set one that works in KRAFTER_API_KEY`)
    case 403:
      throw new ConfigError('the API key lacks the scope push:read: set another in KRAFTER_API_KEY')
    case 404:
      if (!appId) throw new ConfigError(`--url: ${url} is no Krafter Push service`)
      throw new ConfigError(`--app: there is no app ${appId} for this API key at ${url}`)
    case 422:
      throw new ConfigError(`--events ${body.details?.event?.[0] ?? body.error}`)
  }
  throw new Error(`it answers ${answer.statusCode}${body.error ? `: ${body.error}` : ''}`)
}

/** What went wrong on the way to or from another machine, in a few words. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  if (error.name === 'TimeoutError' || code?.startsWith('UND_ERR_HEADERS_TIMEOUT')) return 'no answer in time'
  return error.message.split('\n')[0] || code || error.name
}
