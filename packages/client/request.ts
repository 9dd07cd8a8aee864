import type { KrafterOptions, RequestOptions } from './options.ts'

/** The input of a route. */
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
  /** Sending the request twice has the same effect as sending it once. */
  isRepeatable: boolean
}

/**
 * @param base the service's URL, without a trailing slash
 * @param ids one for each `{…}` of the route, in order
 * @throws TypeError when an id could change the path to that of another route
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
    // Following a redirect could send the API key to another host, and would turn a POST into a GET.
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

/** `..` or an empty id would change the path to that of another route, and `encodeURIComponent` keeps both. */
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

/** 128 random bits. `crypto.randomUUID` is not used: browsers lack it on insecure (http) pages. */
function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
