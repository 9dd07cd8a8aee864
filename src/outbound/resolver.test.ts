import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type NameServer, startNameServer } from '../../test/support/name-server.ts'
import { createLookupTurns, parentOf } from './lookup-turns.ts'
import { createResolver, type ResolverOptions } from './resolver.ts'
import { namesToAsk, parseHosts, parseResolvConf } from './system-names.ts'

let server: NameServer
let folder: string
let clock = 0

/** Zones that answer, each in its own way; every other name does not exist. */
const zones: Record<string, NameServer['answer']> = {
  'good.example': () => ['192.0.2.1', '2001:db8::1'],
  'v4.example': (_, type) => (type === 'A' ? ['192.0.2.4'] : []),
  'v6.example': (_, type) => (type === 'A' ? [] : ['2001:db8::6']),
  'half.example': (_, type) => (type === 'A' ? ['192.0.2.5'] : 'silence'),
  'empty.example': () => [],
  'dead.example': () => 'silence',
  'dead.test': () => 'silence',
  'service.lan.example': () => ['192.0.2.7'],
  'short.ns.lan.example': () => ['192.0.2.8'],
}

beforeAll(async () => {
  server = await startNameServer((name, type) => {
    const zone = Object.keys(zones).find((each) => name === each || name.endsWith(`.${each}`))
    return zone ? zones[zone]!(name, type) : null
  })
  folder = await mkdtemp(join(tmpdir(), 'krafter-names-'))
})

afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

beforeEach(() => {
  server.questions = []
  server.ttlSeconds = 60
  clock = 0
})

function makeResolver(limits: ResolverOptions['limits'] = {}, files = 'none') {
  return createResolver({
    servers: [server.address],
    files: { hosts: join(folder, `hosts-${files}`), resolvConf: join(folder, `resolv-${files}`) },
    limits: { timeoutMs: 20_000, otherFamilyMs: 20_000, ...limits },
    now: () => clock,
  })
}

const addressesOf = async (resolve: ReturnType<typeof makeResolver>, name: string) =>
  (await resolve(name)).map(({ address }) => address)

describe('a look-up', () => {
  test.each([
    ['a.good.example', ['192.0.2.1', '2001:db8::1']],
    ['A.Good.Example', ['192.0.2.1', '2001:db8::1']],
    ['v4.example', ['192.0.2.4']],
    ['v6.example', ['2001:db8::6']],
    ['half.example', ['192.0.2.5']],
    ['localhost', ['127.0.0.1', '::1']],
    ['app.localhost', ['127.0.0.1', '::1']],
  ])('of %s finds %j', async (name, addresses) => {
    // A busy machine takes a while to answer: only who waits for an answer that never comes waits for less.
    const limits = name === 'half.example' ? { otherFamilyMs: 100 } : {}
    expect(await addressesOf(makeResolver(limits), name)).toEqual(addresses)
  })

  test.each([
    ['none.example', 'ENOTFOUND'],
    ['empty.example', 'ENODATA'],
    ['dead.example', 'ETIMEOUT'],
  ])('of %s fails with %s', async (name, code) => {
    const limits = name === 'dead.example' ? { timeoutMs: 300 } : {}
    await expect(makeResolver(limits)(name)).rejects.toMatchObject({ code })
  })

  test('is shared by those who ask at the same time, and its answer holds for its time to live', async () => {
    const resolve = makeResolver()
    await Promise.all(Array.from({ length: 50 }, () => resolve('v4.example')))
    expect(server.questions).toHaveLength(2)
    clock = 59_999
    await resolve('v4.example')
    expect(server.questions).toHaveLength(2)
    clock = 60_000
    await resolve('v4.example')
    expect(server.questions).toHaveLength(4)
  })

  test('is not remembered for longer than the limit, nor at all when its time to live is 0', async () => {
    const resolve = makeResolver({ maxTtlSeconds: 30 })
    await resolve('v4.example')
    clock = 30_000
    await resolve('v4.example')
    expect(server.questions).toHaveLength(4)
    server.ttlSeconds = 0
    await resolve('v6.example')
    await resolve('v6.example')
    expect(server.questions).toHaveLength(8)
  })

  test('of a name whose name server was silent fails at once for a while', async () => {
    const resolve = makeResolver({ timeoutMs: 200 })
    await expect(resolve('dead.example')).rejects.toMatchObject({ code: 'ETIMEOUT' })
    const asked = server.questions.length
    await expect(resolve('dead.example')).rejects.toMatchObject({ code: 'ETIMEOUT' })
    expect(server.questions.length).toBe(asked)
  })
})

describe('dead name servers', () => {
  test('delay no other name, however many are asked for', async () => {
    const resolve = makeResolver({ timeoutMs: 4_000, waitMs: 1_000 })
    const codes: string[] = []
    const dead = Array.from({ length: 500 }, (_, i) => resolve(`n${i}.dead.example`))
    for (const each of dead) each.catch(({ code }) => codes.push(code))
    for (let i = 0; i < 5; i += 1) await resolve(`n${i}.good.example`)
    // None of those had to end first.
    expect(codes).not.toContain('ETIMEOUT')
    // No more of them at a time than one parent may have.
    expect(
      new Set(server.questions.filter(({ name }) => name.includes('dead')).map(({ name }) => name)).size,
    ).toBe(16)
    await Promise.allSettled(dead)
  })

  test('are refused when there are too many of them for too long', async () => {
    const resolve = makeResolver({ lookups: 4, lookupsPerParent: 2, waitMs: 100, timeoutMs: 1_000 })
    const names = ['a.dead.example', 'b.dead.example', 'c.dead.example', 'a.dead.test', 'b.dead.test']
    const dead = names.map((name) => resolve(name))
    for (const each of dead) each.catch(() => {})
    await expect(dead[2]).rejects.toMatchObject({ code: 'ERR_LOOKUPS_BUSY' })
    await Promise.allSettled(dead)
    expect(await addressesOf(resolve, 'v4.example')).toEqual(['192.0.2.4'])
  })

  test('give their turns to others before these give up', async () => {
    const resolve = makeResolver({ lookups: 4, waitMs: 20_000, timeoutMs: 1_000 })
    const dead = ['a.dead.example', 'b.dead.example', 'a.dead.test', 'b.dead.test'].map((name) =>
      resolve(name),
    )
    const found = addressesOf(resolve, 'v4.example')
    await Promise.allSettled(dead)
    expect(await found).toEqual(['192.0.2.4'])
  })
})

test('the hosts file comes before the name servers, and search domains complete a single label', async () => {
  const hosts = join(folder, 'hosts-own')
  await writeFile(hosts, '# mine\n192.0.2.9\tGood.Example other # too\n2001:db8::9 good.example\n')
  await writeFile(join(folder, 'resolv-own'), 'search lan.example\n')
  const resolve = makeResolver({}, 'own')
  expect(await addressesOf(resolve, 'good.example')).toEqual(['192.0.2.9', '2001:db8::9'])
  expect(await addressesOf(resolve, 'other')).toEqual(['192.0.2.9'])
  expect(server.questions).toEqual([])
  expect(await addressesOf(resolve, 'service')).toEqual(['192.0.2.7'])
})

describe('system files', () => {
  test('hosts', () => {
    const hosts = parseHosts('127.0.0.1 localhost\n::1 localhost ip6\n\nnonsense a\n192.0.2.1\n#1.1.1.1 b\n')
    expect([...hosts]).toEqual([
      ['localhost', ['127.0.0.1', '::1']],
      ['ip6', ['::1']],
    ])
  })

  test('resolv.conf', () => {
    expect(parseResolvConf('')).toEqual({ search: [], ndots: 1 })
    const text =
      'nameserver 192.0.2.1\ndomain a.example\nsearch B.example. c.example ; no\noptions edns0 ndots:5\n'
    expect(parseResolvConf(text)).toEqual({ search: ['b.example', 'c.example'], ndots: 5 })
  })

  test.each([
    ['host', 1, ['host.a', 'host.b', 'host']],
    ['host.', 1, ['host']],
    ['host.example', 1, ['host.example']],
    ['host.ns', 5, ['host.ns', 'host.ns.a', 'host.ns.b']],
    ['a.b.c.d.e.f', 5, ['a.b.c.d.e.f']],
  ])('%s with ndots %i is asked for as %j', (name, ndots, names) => {
    expect(namesToAsk(name, { search: ['a', 'b'], ndots })).toEqual(names)
  })
})

test.each([
  ['hooks.shop.example', 'shop.example'],
  ['Shop.Example.', 'shop.example'],
  ['a.shop.co.uk', 'shop.co.uk'],
  ['a.b.shop.com.au', 'shop.com.au'],
  ['localhost', 'localhost'],
])('%s has the parent %s', (name, parent) => {
  expect(parentOf(name)).toBe(parent)
})

test('parents take turns, each within its limit, and all of them within the whole', async () => {
  const turns = createLookupTurns({ lookups: 2, lookupsPerParent: 2, waitingLookups: 6 })
  const order: string[] = []
  const ends: (() => void)[] = []
  const take = (name: string) =>
    turns.take(name, 1_000).then((end) => {
      order.push(name)
      ends.push(end)
    })
  const names = ['1.a.x', '2.a.x', '3.a.x', '4.a.x', '1.b.x', '2.b.x', '1.c.x', '2.c.x']
  const taken = Promise.all(names.map(take))
  await expect(turns.take('3.c.x', 1_000)).rejects.toMatchObject({ code: 'ERR_LOOKUPS_BUSY' })
  for (let i = 0; i < names.length; i += 1) {
    await new Promise(setImmediate)
    expect(order.length).toBe(Math.min(names.length, i + 2))
    ends.shift()!()
  }
  await taken
  expect(order).toEqual(['1.a.x', '2.a.x', '3.a.x', '1.b.x', '1.c.x', '4.a.x', '2.b.x', '2.c.x'])
})
