import {
  Client,
  StreamableHTTPClientTransport,
  type VersionNegotiationMode,
} from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeDataFolder, type TestStorage } from '../support/backends.ts'
import { makeKey } from '../support/keys.ts'
import { startTestService, type TestService } from '../support/service.ts'

const publicUrl = 'https://push.example.com'
const modern = '2026-07-28'

let storage: TestStorage
let running: TestService
let readKey: string
let writeKey: string
let appId: string

beforeAll(async () => {
  storage = makeDataFolder()
  const env = { KRAFTER_RATE_LIMIT_DEFAULT: '10000', KRAFTER_PUBLIC_URL: publicUrl }
  running = await startTestService(storage, env, ['api'])
  readKey = (await makeKey(running, { scopes: ['push:read'] })).key
  writeKey = (await makeKey(running, { scopes: ['push:read', 'push:write'] })).key
  appId = (await running.api.post('/push/apps', { name: 'Shop' })).body.data.id
})

afterAll(async () => {
  await running.stop()
  await storage.drop()
})

const endpoint = () => new URL('/mcp', running.api.url)

/** Somebody else's client, connected. */
async function connect(key: string, mode: VersionNegotiationMode = { pin: modern }): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } })
  const requestInit = { headers: { authorization: `Bearer ${key}` } }
  await client.connect(new StreamableHTTPClientTransport(endpoint(), { requestInit }))
  onTestFinished(() => client.close())
  return client
}

const namesOf = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name)

/** A body as it is. */
async function post(body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(endpoint(), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${writeKey}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  }
}

const ask = (method: string, params: object = {}, id: unknown = 1) => ({ jsonrpc: '2.0', id, method, params })

/** As revision 2026-07-28 has it. */
function askModern(method: string, params: object = {}) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': modern,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return ask(method, { ...params, _meta })
}
const modernHeaders = (method: string, name?: string) => ({
  'mcp-protocol-version': modern,
  'mcp-method': method,
  ...(name !== undefined && { 'mcp-name': name }),
})

describe.each<[string, VersionNegotiationMode]>([
  ['of 2026-07-28', { pin: modern }],
  ['that looks first', 'auto'],
  ['of 2025-11-25', 'legacy'],
])('the official client %s', (_, mode) => {
  test('learns whom it talks to', async () => {
    const client = await connect(readKey, mode)
    expect(client.getServerVersion()).toMatchObject({ name: 'krafter-push', version: '0.1.0' })
    expect(client.getServerCapabilities()).toEqual({ tools: {} })
    expect(client.getInstructions()).toContain('list_apps')
    expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'legacy' ? '2025-11-25' : modern)
  })

  test('lists and calls what its key allows', async () => {
    const client = await connect(writeKey, mode)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['list_apps', 'create_app']))
    const webhook = {
      app_id: appId,
      url: `https://127.0.0.1:9/${mode.toString()}`,
      events: ['notification.sent'],
    }
    const made = await client.callTool({ name: 'create_webhook', arguments: webhook })
    expect(made.isError).toBeUndefined()
    const read = await running.api.get(`/push/apps/${appId}/webhooks`)
    expect(read.body.data).toContainEqual((made.structuredContent as { data: unknown }).data)
    const listed = await client.callTool({ name: 'list_webhooks', arguments: { app_id: appId, limit: 1 } })
    expect(listed.structuredContent).toMatchObject({ data: [{ app_id: appId }] })
    expect(JSON.parse((listed.content[0] as { text: string }).text)).toEqual(listed.structuredContent)
  })

  test('with a key that may read neither sees nor calls what writes', async () => {
    const client = await connect(readKey, mode)
    const { tools } = await client.listTools()
    expect(tools.length).toBeGreaterThan(10)
    expect(tools.filter(({ annotations }) => !annotations?.readOnlyHint)).toEqual([])
    const before = (await running.api.get('/push/apps')).body.data.length
    await expect(client.callTool({ name: 'create_app', arguments: { name: 'A' } })).rejects.toMatchObject({
      code: -32_602,
      message: expect.stringContaining('push:write'),
    })
    expect((await running.api.get('/push/apps')).body.data).toHaveLength(before)
  })
})

describe('tools', () => {
  test('a key for everything has all, one for writing alone does not read', async () => {
    const all = await namesOf(await connect(running.api.key))
    expect(all).toEqual(await namesOf(await connect(writeKey)))
    expect(all.filter((name) => /stream|subscribers$|notifications$/.test(name))).toEqual([
      'list_subscribers',
      'list_notifications',
    ])
    const writer = (await makeKey(running, { scopes: ['push:write'] })).key
    const writing = await namesOf(await connect(writer))
    expect(writing).toContain('create_notification')
    expect(writing).not.toContain('list_apps')
  })

  test('say what they do to those who approve calls', async () => {
    const { tools } = await (await connect(writeKey)).listTools()
    const hints = Object.fromEntries(tools.map(({ name, annotations }) => [name, annotations]))
    expect(hints.read_app).toEqual({ readOnlyHint: true })
    const adds = { readOnlyHint: false, destructiveHint: false, idempotentHint: false }
    expect(hints.create_notification).toEqual(adds)
    expect(hints.update_webhook).toEqual({ ...adds, destructiveHint: true, idempotentHint: true })
    expect(hints.delete_app).toEqual({ ...adds, destructiveHint: true, idempotentHint: true })
    expect(hints.rotate_secret).toEqual({ ...adds, destructiveHint: true })
  })

  test('are carried out by the route: ids, bodies, queries, headers', async () => {
    const client = await connect(writeKey)
    const call = async (name: string, args: object) => {
      const { structuredContent, content, isError } = await client.callTool({ name, arguments: { ...args } })
      return { data: (structuredContent as { data: { id: string } })?.data, content, isError }
    }
    const device = { app_id: appId, platform: 'android', token: 'device-1', tags: ['a', 'b'] }
    const { data } = await call('register_subscriber', device)
    const subscriber = { app_id: appId, subscriber_id: data.id }
    expect(await call('list_subscribers', { app_id: appId, tag: 'b', status: null })).toMatchObject({
      data: [{ id: data.id }],
    })
    expect(await call('update_subscriber', { ...subscriber, tags: ['c'] })).toMatchObject({
      data: { tags: ['c'] },
    })
    const once = {
      app_id: appId,
      title: 'Hello',
      targeting: { type: 'tags', tags: ['c'] },
      idempotency_key: 'k',
    }
    const first = await call('create_notification', once)
    expect(await call('create_notification', once)).toEqual(first)
    expect(await call('delete_subscriber', subscriber)).toEqual({
      data: undefined,
      content: [{ type: 'text', text: 'Done.' }],
      isError: undefined,
    })
  })

  test.each<[string, object, object]>([
    ['create_app', {}, { status: 422, error: 'Validation failed', details: { name: ['is required'] } }],
    ['read_app', {}, { status: 422, error: 'Validation failed', details: { app_id: ['is required'] } }],
    [
      'read_app',
      { app_id: 7 },
      { status: 422, error: 'Validation failed', details: { app_id: ['must be a string'] } },
    ],
    ['read_app', { app_id: 'x' }, { status: 404, error: 'Not found' }],
    ['read_app', { app_id: '../../../../metrics' }, { status: 404, error: 'Not found' }],
    ['read_app', { app_id: '..' }, { status: 404, error: 'Not found' }],
    [
      'create_app',
      { name: 'A', idempotency_key: 'a\r\nb' },
      {
        status: 422,
        error: 'Validation failed',
        details: { idempotency_key: ['must be 1 to 255 ASCII characters'] },
      },
    ],
  ])('%s with %j is an error that a model can act on', async (name, args, problem) => {
    const result = await (await connect(writeKey)).callTool({ name, arguments: { ...args } })
    expect(result.isError).toBe(true)
    expect(result.structuredContent).toEqual(problem)
    expect(JSON.parse((result.content[0] as { text: string }).text)).toEqual(problem)
  })

  test('say which arguments they ignored', async () => {
    const client = await connect(writeKey)
    for (const [name, args] of [
      ['create_app', { name: 'B', colour: 'red' }],
      ['read_app', { app_id: appId, colour: 'red' }],
    ] as const) {
      const { content } = await client.callTool({ name, arguments: args })
      expect(content[1], name).toEqual({ type: 'text', text: 'Unknown arguments were ignored: colour' })
    }
  })

  test("do not reach another team's", async () => {
    const other = (await makeKey(running, { team: 'other' })).key
    const result = await (await connect(other)).callTool({ name: 'read_app', arguments: { app_id: appId } })
    expect(result.structuredContent).toEqual({ status: 404, error: 'Not found' })
  })

  test('are logged under the id of the request that asked', async () => {
    const { headers } = await post(ask('tools/call', { name: 'list_apps' }), {
      'x-request-id': 'assistant-1',
    })
    expect(headers.get('x-request-id')).toBe('assistant-1')
    const logged = () => running.logs.filter(({ requestId }) => requestId === 'assistant-1')
    await expect.poll(() => logged().map(({ route }) => route)).toEqual(['/api/v1/push/apps', '/mcp'])
  })

  test('count once', async () => {
    const call = ask('tools/call', { name: 'list_apps' })
    const left = async (body: unknown) => Number((await post(body)).headers.get('x-ratelimit-remaining'))
    const before = await left(ask('ping'))
    expect(await left(call)).toBe(before - 1)
    expect(await left([call, call, call])).toBe(before - 4)
    expect(await left('{')).toBe(before - 5)
  })
})

describe('what is not MCP', () => {
  test('GET and DELETE are 405', async () => {
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const response = await fetch(endpoint(), { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe('POST')
      expect(await response.json()).toEqual({ error: 'Method not allowed' })
    }
  })

  test.each([undefined, 'Bearer nonsense', `Bearer kr_live_${'a'.repeat(43)}`])(
    'the key %s is 401',
    async (key) => {
      const answer = await post(ask('tools/list'), { authorization: key ?? '' })
      expect(answer).toMatchObject({ status: 401, body: { error: 'Invalid or missing API key' } })
    },
  )

  test.each([
    ['http://evil.example', 403],
    [publicUrl.replace('https', 'http'), 403],
    ['null', 403],
    [publicUrl, 200],
    ['http://localhost:6274', 200],
    ['http://[::1]:6274', 200],
    ['vscode-file://vscode-app', 200],
  ])('the origin %s is %i', async (origin, status) => {
    expect((await post(ask('ping'), { origin })).status).toBe(status)
  })

  test('other bodies are refused as everywhere', async () => {
    expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post(JSON.stringify('x'.repeat(1_048_576)))).status).toBe(413)
  })
})

describe('messages', () => {
  test.each<[string, unknown, Record<string, string>, number, object | undefined]>([
    ['no JSON', '{', {}, 400, { id: null, error: { code: -32_700 } }],
    ['no body', '', {}, 400, { id: null, error: { code: -32_600 } }],
    ['no object', '7', {}, 400, { id: null, error: { code: -32_600 } }],
    ['no version', { id: 1, method: 'ping' }, {}, 400, { id: 1, error: { code: -32_600 } }],
    ['no method', { jsonrpc: '2.0', id: 1 }, {}, 400, { id: 1, error: { code: -32_600 } }],
    ['a null id', ask('ping', {}, null), {}, 400, { id: null, error: { code: -32_600 } }],
    ['a list of parameters', ask('ping', []), {}, 400, { id: 1, error: { code: -32_602 } }],
    ['an unknown method', ask('prompts/list'), {}, 200, { id: 1, error: { code: -32_601 } }],
    ['a method of another revision', ask('server/discover'), {}, 200, { id: 1, error: { code: -32_601 } }],
    ['a name of every object', ask('constructor'), {}, 200, { id: 1, error: { code: -32_601 } }],
    ['an unknown tool', ask('tools/call', { name: 'x' }), {}, 200, { error: { code: -32_602 } }],
    [
      'a list of arguments',
      ask('tools/call', { name: 'list_apps', arguments: [] }),
      {},
      200,
      { error: { code: -32_602 } },
    ],
    ['an unknown cursor', ask('tools/list', { cursor: 'x' }), {}, 200, { error: { code: -32_602 } }],
    ['initialize without a revision', ask('initialize'), {}, 200, { error: { code: -32_602 } }],
    ['a ping', ask('ping', {}, 'a'), {}, 200, { jsonrpc: '2.0', id: 'a', result: {} }],
    ['a notification', { jsonrpc: '2.0', method: 'notifications/initialized' }, {}, 202, undefined],
    ['an answer', { jsonrpc: '2.0', id: 1, result: {} }, {}, 202, undefined],
    [
      'an old initialize',
      ask('initialize', { protocolVersion: '2025-03-26' }),
      {},
      200,
      { result: { protocolVersion: '2025-03-26' } },
    ],
    [
      'a later initialize',
      ask('initialize', { protocolVersion: '2099-01-01' }),
      {},
      200,
      { result: { protocolVersion: '2025-11-25' } },
    ],
    [
      'an unknown revision',
      ask('ping'),
      { 'mcp-protocol-version': '1999-01-01' },
      400,
      { error: { code: -32_022, data: { requested: '1999-01-01' } } },
    ],
    [
      'a batch',
      [ask('ping', {}, 1), { jsonrpc: '2.0', method: 'notifications/initialized' }, ask('x', {}, 2)],
      {},
      200,
      [
        { id: 1, result: {} },
        { id: 2, error: { code: -32_601 } },
      ],
    ],
    [
      'a batch of notifications',
      [{ jsonrpc: '2.0', method: 'notifications/initialized' }],
      {},
      202,
      undefined,
    ],
    ['an empty batch', [], {}, 400, { error: { code: -32_600 } }],
    ['a long batch', Array(21).fill(ask('ping')), {}, 400, { error: { code: -32_600 } }],
    [
      'a batch after batches were dropped',
      [ask('ping')],
      { 'mcp-protocol-version': '2025-06-18' },
      400,
      { error: { code: -32_600 } },
    ],
  ])('%s', async (_, body, headers, status, answer) => {
    const got = await post(body, headers)
    expect(got.status, JSON.stringify(got.body)).toBe(status)
    if (answer === undefined) expect(got.body).toBeUndefined()
    else expect(got.body).toMatchObject(answer)
  })

  const call = askModern('tools/call', { name: 'list_apps' })
  test.each<[string, unknown, Record<string, string>, number, number]>([
    ['without its header', askModern('tools/list'), {}, 400, -32_020],
    [
      'with another revision in its header',
      askModern('tools/list'),
      { 'mcp-protocol-version': '2025-11-25' },
      400,
      -32_020,
    ],
    ['without Mcp-Method', askModern('tools/list'), { 'mcp-protocol-version': modern }, 400, -32_020],
    ['with another method in its header', askModern('tools/list'), modernHeaders('tools/call'), 400, -32_020],
    ['without Mcp-Name', call, modernHeaders('tools/call'), 400, -32_020],
    ['with another name in its header', call, modernHeaders('tools/call', 'create_app'), 400, -32_020],
    ['without _meta', ask('tools/list'), modernHeaders('tools/list'), 400, -32_602],
    ['with an unknown method', askModern('ping'), modernHeaders('ping'), 404, -32_601],
  ])('of 2026-07-28 %s', async (_, body, headers, status, code) => {
    const got = await post(body, headers)
    expect(got).toMatchObject({ status, body: { jsonrpc: '2.0', id: 1, error: { code } } })
  })

  test('of 2026-07-28 have an encoded name in the header where they need one', async () => {
    const name = `=?base64?${Buffer.from('list_apps').toString('base64')}?=`
    const { status, body } = await post(call, modernHeaders('tools/call', name))
    expect(status).toBe(200)
    expect(body.result).toMatchObject({
      resultType: 'complete',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'krafter-push' } },
    })
  })
})
