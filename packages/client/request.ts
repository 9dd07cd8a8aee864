import type { KrafterOptions, RequestOptions } from './options.ts'

/** What a route is given. */
export interface Given {
  query?: object | undefined
  body?: unknown
  headers?: Record<string, string>
}

/** A request that can be sent any number of times. */
export interface ApiRequest {
  method: string
  /** Method and path, for messages. */
  call: string
  url: string
  init: RequestInit
  /** Sending it twice does what sending it once does. */
  isRepeatable: boolean
}

/**
 * @param base of the service, without a trailing slash
 * @param ids for each `{…}` of the route, in order
 * @throws TypeError when an id could make the path another one
 */
export function makeRequest(
  base: string,
  route: string,
  ids: readonly string[],
  { query, body, headers }: Given,
  client: Pick<KrafterOptions, 'apiKey' | 'headers' | 'credentials'>,
  options: RequestOptions = {},
): ApiRequest {
  const rest = [...ids]
  const path = route.replace(/\{(\w+)\}/g, (_, name) => checkId(name, rest.shift()))
  const [method = '', pathname] = path.split(' ')
  const init: RequestInit = {
    method,
    headers: {
      accept: 'application/json',
      ...(client.apiKey !== undefined && { authorization: `Bearer ${client.apiKey}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(method === 'POST' && { 'idempotency-key': options.idempotencyKey ?? makeKey() }),
      ...headers,
      ...client.headers,
      ...options.headers,
    },
    // An API key must not follow a redirect to elsewhere, and a POST would become a GET.
    redirect: 'manual',
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(client.credentials && { credentials: client.credentials }),
  }
  return {
    method,
    call: path,
    url: `${base}/api/v1${pathname}${toSearch(query)}`,
    init,
    isRepeatable: method !== 'PATCH',
  }
}

/** `..` and the empty word would make the path another one, which `encodeURIComponent` leaves so. */
function checkId(name: string, id: unknown): string {
  if (typeof id === 'string' && /^[\w-]+$/.test(id)) return id
  throw new TypeError(`${name} must be an id, not ${JSON.stringify(id)}`)
}

function toSearch(query: object = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().flatMap((each) => (each === undefined || each === null ? [] : [[name, String(each)]])),
  )
  return pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : ''
}

/** 128 random bits. `crypto.randomUUID` is missing in browsers on pages that are not secure. */
function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
