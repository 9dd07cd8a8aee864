import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAddressGuard, maxUrlLength } from './address-guard.ts'

const refused = 'must not point to a private or reserved address'
const closed = createAddressGuard([])
const open = createAddressGuard(['127.0.0.0/8', '::1/128', '10.1.0.0/16'])

const refusedAddresses = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.255.255.254',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::7f00:1',
  '::8.8.8.8',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::ffff:a9fe:a9fe',
  '64:ff9b::7f00:1',
  '64:ff9b::808:808',
  '64:ff9b:1::1',
  '100::1',
  '100:0:0:1::1',
  '2001::1',
  '2001:0:7f00:1::',
  '2001:2::1',
  '2001:10::1',
  '2001:20::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '2002:808:808::1',
  '3fff::1',
  '4000::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
  '',
  'nonsense',
  '127.1',
  '0x7f000001',
]

const publicAddresses = ['1.1.1.1', '8.8.8.8', '100.63.255.255', '100.128.0.0', '172.15.0.1', '172.32.0.1']
const publicIpv6 = ['2606:4700::1111', '2a00:1450:4001::200e', '2001:4860:4860::8888', '2620:fe::fe']

describe('checkAddress', () => {
  test.each(refusedAddresses)('refuses %s', (address) => {
    expect(closed.checkAddress(address)).toBe(refused)
  })

  test.each([...publicAddresses, ...publicIpv6])('allows %s', (address) => {
    expect(closed.checkAddress(address)).toBeNull()
  })

  test('every IPv6 address outside 2000::/3 is refused', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16))
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        fc.pre(Number.parseInt(groups[0]!, 16) >> 13 !== 1)
        return closed.checkAddress(groups.join(':')) === refused
      }),
    )
  })

  test('an opened network lets its own addresses pass and no others', () => {
    expect(open.checkAddress('127.0.0.1')).toBeNull()
    expect(open.checkAddress('::1')).toBeNull()
    expect(open.checkAddress('10.1.255.1')).toBeNull()
    expect(open.checkAddress('10.2.0.1')).toBe(refused)
    expect(open.checkAddress('::ffff:127.0.0.1')).toBe(refused)
    expect(open.checkAddress('8.8.8.8')).toBeNull()
  })

  test('what is no network cannot be opened', () => {
    expect(() => createAddressGuard(['127.0.0.1'])).toThrow()
  })
})

describe('checkUrl', () => {
  test.each([
    ['http://example.com/', 'must use https://'],
    ['ftp://example.com/', 'must use https://'],
    ['HTTP://EXAMPLE.COM', 'must use https://'],
    ['https://user@example.com/', 'must not contain a user name or password'],
    ['https://:secret@example.com/', 'must not contain a user name or password'],
    ['', 'must be a valid URL'],
    ['example.com', 'must be a valid URL'],
    ['https://', 'must be a valid URL'],
    ['https://a..b/', 'must be a valid URL'],
    ['https://exa mple.com/', 'must be a valid URL'],
    ['https://[fe80::1%25eth0]/', 'must be a valid URL'],
    [`https://example.com/${'a'.repeat(maxUrlLength)}`, 'must be at most 2048 characters'],
  ])('%s: %s', (text, message) => {
    expect(closed.checkUrl(text)).toEqual({ ok: false, message })
  })

  test.each([
    'localhost',
    'LOCALHOST.',
    'app.localhost',
    'localhost.localdomain',
    'intranet',
    'printer.local',
    'printer.local.',
    'db.internal',
    'metadata.google.internal',
    'metadata.google.internal.',
    'METADATA.GOOG',
    'metadata.azure.com',
    'instance-data',
    'instance-data.ec2.internal',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.',
    '①②⑦.0.0.1',
    '１２７.0.0.1',
    '0',
    '0300.0250.0.1',
    '[::1]',
    '[::ffff:169.254.169.254]',
    '[::127.0.0.1]',
    'ｌｏｃａｌｈｏｓｔ',
    'printer。local',
  ])('refuses https://%s/', (host) => {
    expect(closed.checkUrl(`https://${host}/`)).toEqual({ ok: false, message: refused })
    expect(closed.checkUrl(`https://${host}:8443/path`)).toEqual({ ok: false, message: refused })
  })

  test.each([
    'https://example.com/',
    'https://example.com.:8443/a?b=c#d',
    'https://localhost.example.com/',
    'https://not-local.example/',
    'https://bücher.example/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
  ])('allows %s', (text) => {
    expect(closed.checkUrl(text)).toMatchObject({ ok: true })
  })

  test('however an IPv4 address is spelt, it is judged as the address', () => {
    const part = fc.integer({ min: 0, max: 255 })
    const spelling = fc.constantFrom(
      (n: number) => String(n),
      (n: number) => `0x${n.toString(16)}`,
      (n: number) => `0${n.toString(8)}`,
    )
    fc.assert(
      fc.property(fc.tuple(part, part, part, part), fc.array(spelling, { minLength: 4 }), (parts, spell) => {
        const verdict = closed.checkAddress(parts.join('.')) === null
        const spelt = parts.map((n, i) => spell[i]!(n)).join('.')
        const whole = parts.reduce((sum, n) => sum * 256 + n, 0)
        return (
          closed.checkUrl(`https://${spelt}/`).ok === verdict &&
          closed.checkUrl(`https://${whole}/`).ok === verdict &&
          closed.checkUrl(`https://[::ffff:${parts.join('.')}]/`).ok === false
        )
      }),
    )
  })

  test('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof closed.checkUrl(`https://${text}`).ok === 'boolean'))
  })

  test('refused names pass only where networks are opened', () => {
    expect(open.checkUrl('https://localhost:8443/hook')).toMatchObject({ ok: true })
    expect(open.checkUrl('https://receiver/hook')).toMatchObject({ ok: true })
    expect(open.checkUrl('https://127.0.0.1/')).toMatchObject({ ok: true })
    expect(open.checkUrl('https://[::1]/')).toMatchObject({ ok: true })
    expect(open.checkUrl('https://192.168.0.1/')).toEqual({ ok: false, message: refused })
    expect(open.checkUrl('http://localhost/')).toEqual({ ok: false, message: 'must use https://' })
  })
})

describe('checkResolved', () => {
  test('one refused address among several refuses the name', () => {
    expect(closed.checkResolved('example.com', ['8.8.8.8', '2606:4700::1111'])).toBeNull()
    expect(closed.checkResolved('example.com', ['8.8.8.8', '127.0.0.1'])).toBe(refused)
    expect(closed.checkResolved('example.com', [])).toBe(refused)
  })

  test('a refused name must lie in an opened network altogether', () => {
    expect(open.checkResolved('localhost', ['127.0.0.1', '::1'])).toBeNull()
    expect(open.checkResolved('localhost', ['8.8.8.8'])).toBe(refused)
    expect(open.checkResolved('example.com', ['8.8.8.8', '127.0.0.1'])).toBeNull()
    expect(open.checkResolved('example.com', ['192.168.0.1'])).toBe(refused)
    expect(closed.checkResolved('localhost', ['8.8.8.8'])).toBe(refused)
  })
})

describe('checkForStorage', () => {
  const guardWith = (...addresses: string[]) =>
    createAddressGuard([], async () => addresses.map((address) => ({ address })))

  test('refuses a name that resolves to a refused address', async () => {
    const verdict = await guardWith('8.8.8.8', '10.0.0.1').checkForStorage('https://rebind.example/')
    expect(verdict).toEqual({ ok: false, message: refused })
  })

  test('accepts a name that resolves to public addresses, and one that does not resolve yet', async () => {
    const accepted = { ok: true }
    expect(await guardWith('8.8.8.8').checkForStorage('https://a.example/')).toMatchObject(accepted)
    const failing = createAddressGuard([], () => Promise.reject(new Error('ENOTFOUND')))
    expect(await failing.checkForStorage('https://a.example/')).toMatchObject(accepted)
    expect(await guardWith().checkForStorage('https://a.example/')).toMatchObject(accepted)
  })

  test('asks nobody about literals and about what is refused anyway', async () => {
    const guard = createAddressGuard([], () => Promise.reject(new Error('not to be called')))
    expect(await guard.checkForStorage('https://8.8.8.8/')).toMatchObject({ ok: true })
    expect(await guard.checkForStorage('https://127.0.0.1/')).toMatchObject({ ok: false })
    expect(await guard.checkForStorage('http://a.example/')).toMatchObject({ ok: false })
  })

  test('asks the system when nothing else is given', async () => {
    expect(await open.checkForStorage('https://localhost/')).toMatchObject({ ok: true })
  })
})
