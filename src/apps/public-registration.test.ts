import { describe, expect, test } from 'vitest'
import { allowsOrigin, publicRegistrationField } from './public-registration.ts'

const read = (origin: string) => publicRegistrationField.safeParse({ origins: [origin] }).data?.origins[0]

describe('origins', () => {
  test.each([
    ['https://shop.example', 'https://shop.example'],
    [' HTTPS://Shop.Example/ ', 'https://shop.example'],
    ['https://shop.example:443', 'https://shop.example'],
    ['https://shop.example:8443', 'https://shop.example:8443'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://*.shop.example', 'https://*.shop.example'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
  ])('%j is kept as %s', (given, kept) => expect(read(given)).toBe(kept))

  test.each([
    '',
    '*',
    'https://*',
    'https://*.example',
    'https://*.localhost',
    'https://shop.*',
    'shop.example',
    'http://shop.example',
    'https://user@shop.example',
    'https://shop.example/path',
    'https://shop.example?query',
    'https://shop.example#hash',
    'ftp://shop.example',
    'null',
    'https://',
    `https://${'a'.repeat(260)}.example`,
  ])('%j is refused', (given) => expect(read(given)).toBeUndefined())

  test.each([
    [['https://shop.example'], 'https://shop.example', true],
    [['https://shop.example'], 'http://shop.example', false],
    [['https://shop.example'], 'https://shop.example:8443', false],
    [['https://shop.example'], 'https://www.shop.example', false],
    [['https://shop.example'], 'https://shop.example.evil.example', false],
    [['https://*.shop.example'], 'https://www.shop.example', true],
    [['https://*.shop.example'], 'https://a.b.shop.example', true],
    [['https://*.shop.example'], 'https://shop.example', false],
    [['https://*.shop.example'], 'https://.shop.example', false],
    [['https://*.shop.example'], 'https://evilshop.example', false],
    [['https://*.shop.example'], 'http://www.shop.example', false],
    [['https://*.shop.example:8443'], 'https://www.shop.example:8443', true],
    [['https://*.shop.example'], 'https://www.shop.example:8443', false],
    [['https://shop.example', 'https://www.shop.example'], 'https://www.shop.example', true],
    [['https://shop.example'], 'null', false],
    [['https://shop.example'], undefined, false],
  ])('%j and the origin %j: %s', (origins, origin, allowed) => {
    expect(allowsOrigin(origins, origin)).toBe(allowed)
  })
})
