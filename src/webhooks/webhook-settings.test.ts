import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { makeCertificates } from '../local-ends/certificates.ts'
import { settingsFields } from './webhook-settings.ts'

const { ca, key } = await makeCertificates()

const schema = z.object(settingsFields(8_192))

describe('settings of a webhook', () => {
  test.each([
    {},
    { retry_schedule: [] },
    { retry_schedule: Array(20).fill(30_240) },
    { rate_limit: 1, max_in_flight: 64 },
    { headers: { authorization: 'Bearer a b', 'x-tenant': '7' } },
    { batch: { max_events: 500, max_wait_ms: 500, max_bytes: 1_024 } },
    { filter: { platform: 'web' }, description: 'orders', auto_recover: true },
    { retry_schedule: null, rate_limit: null, headers: null, filter: null, batch: null, description: null },
  ])('takes %j', (settings) => {
    expect(schema.parse(settings)).toEqual(settings)
  })

  test.each([
    [{ retry_schedule: Array(21).fill(1) }, 'retry_schedule'],
    [{ retry_schedule: [604_801] }, 'retry_schedule'],
    [{ retry_schedule: [302_401, 302_400] }, 'retry_schedule'],
    [{ retry_schedule: [-1] }, 'retry_schedule'],
    [{ retry_schedule: [1.5] }, 'retry_schedule'],
    [{ rate_limit: 0 }, 'rate_limit'],
    [{ rate_limit: 10_001 }, 'rate_limit'],
    [{ max_in_flight: 0 }, 'max_in_flight'],
    [{ max_in_flight: 65 }, 'max_in_flight'],
    [{ batch: { max_events: 1, max_wait_ms: 0 } }, 'batch'],
    [{ batch: { max_events: 10 } }, 'batch'],
    [{ batch: { max_events: 10, max_wait_ms: 0, max_bytes: 1_023 } }, 'batch'],
    [{ batch: { max_events: 10, max_wait_ms: 60_001 } }, 'batch'],
    [{ filter: {} }, 'filter'],
    [{ description: 'x'.repeat(1_001) }, 'description'],
  ])('refuses %j', (settings, field) => {
    expect(schema.safeParse(settings).error!.issues[0]!.path[0]).toBe(field)
  })

  test.each([
    ['connection', 'x'],
    ['HTTP2-Settings', 'AAMAAABk'],
    ['Keep-Alive', 'x'],
    ['TE', 'trailers'],
    ['trailer', 'x'],
    ['upgrade', 'h2c'],
    ['expect', '100-continue'],
    ['Content-Encoding', 'gzip'],
    ['accept-encoding', 'gzip'],
    [':path', '/'],
    ['x'.repeat(101), 'x'],
    ['Transfer-Encoding', 'chunked'],
    ['proxy-authorization', 'x'],
    ['host', 'x'],
    ['content-length', '1'],
    ['content-type', 'x'],
    ['user-agent', 'x'],
    ['Webhook-Id', 'x'],
    ['x-krafter-test', 'true'],
    ['', 'x'],
    ['a b', 'x'],
    ['a:b', 'x'],
    ['a', 'x\r\ny: z'],
    ['a', 'x\ny'],
    ['a', 'x\0'],
    ['a', ' x'],
    ['a', ''],
    ['a', 'é'],
    ['a', '\ud800'],
    ['a', 'x'.repeat(4_097)],
  ])('refuses the header %j: %j', (name, value) => {
    expect(schema.safeParse({ headers: { [name]: value } }).success).toBe(false)
  })

  test.each([
    [
      Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`x-${index}`, '1'])),
      'must be at most 20 headers',
    ],
    [{ a: 'x'.repeat(4_000), b: 'x'.repeat(4_000) }, 'must be at most 7168 bytes together'],
    [{ a: 7 }, 'the value of "a" must be a string'],
    [[], 'must be an object'],
  ])('says what of headers is too much', (headers, message) => {
    expect(schema.safeParse({ headers }).error!.issues).toMatchObject([{ path: ['headers'], message }])
  })

  test.each([
    ['', 'must contain a certificate in PEM (-----BEGIN CERTIFICATE-----)'],
    ['nonsense', 'must contain a certificate in PEM (-----BEGIN CERTIFICATE-----)'],
    [`${ca}${key}`, 'must not contain a private key'],
    [
      `${ca}${ca.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')}`,
      'has a certificate that cannot be read: number 2',
    ],
    [ca.repeat(11), 'must contain at most 10 certificates'],
    ['x'.repeat(16_385), 'must be at most 16384 characters'],
  ])('refuses certificates that nobody could trust', (pem, message) => {
    expect(schema.safeParse({ ca_pem: pem }).error!.issues).toMatchObject([{ path: ['ca_pem'], message }])
  })

  test('keeps the certificates of a PEM text, and nothing around them', () => {
    const pem = `Subject: mine\r\n${ca.replaceAll('\n', '\r\n')}\r\n# other\n${ca}`
    const { ca_pem: kept } = schema.parse({ ca_pem: pem })
    expect(kept!.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(kept).not.toMatch(/\r|Subject|other/)
    expect(schema.parse({ ca_pem: null })).toEqual({ ca_pem: null })
  })

  test('folds header names to lower case and refuses one that is there twice', () => {
    expect(schema.parse({ headers: { 'X-Tenant': '7' } }).headers).toEqual({ 'x-tenant': '7' })
    expect(schema.safeParse({ headers: { 'X-Tenant': '7', 'x-tenant': '8' } }).success).toBe(false)
  })
})
