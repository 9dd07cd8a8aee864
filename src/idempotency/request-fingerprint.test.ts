import { expect, test } from 'vitest'
import { fingerprint } from './request-fingerprint.ts'

const key = Buffer.alloc(32, 1)
const of = (body: unknown, route = '/things', params: unknown = { app_id: 'a' }) =>
  fingerprint(key, { route, params, body }).toString('hex')

test.each([
  ['the order of keys', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
  ['null for absent', { a: 1, b: null }, { a: 1 }],
  ['null in an inner object', { a: { b: null, c: [{ d: null }] } }, { a: { c: [{}] } }],
  ['undefined for absent', { a: 1, b: undefined }, { a: 1 }],
  ['moments', { at: new Date(0) }, { at: new Date(0) }],
])('the same request: %s', (_, one, other) => {
  expect(of(one)).toBe(of(other))
})

test.each([
  ['a value', { a: 1 }, { a: 2 }],
  ['a type', { a: 1 }, { a: '1' }],
  ['a name', { a: 1 }, { b: 1 }],
  ['false for absent', { a: false }, {}],
  ['an empty text for absent', { a: '' }, {}],
  ['the order in an array', { a: [1, 2] }, { a: [2, 1] }],
  ['null in an array', { a: [null] }, { a: [] }],
  ['an array that looks like an object', { a: { b: 1 } }, { a: [['b', 1]] }],
  ['moments', { at: new Date(0) }, { at: new Date(1) }],
])('another request: %s', (_, one, other) => {
  expect(of(one)).not.toBe(of(other))
})

test('the route, its ids and the key count', () => {
  const body = { a: 1 }
  const all = [
    of(body),
    of(body, '/others'),
    of(body, '/things', { app_id: 'b' }),
    fingerprint(Buffer.alloc(32, 2), { route: '/things', params: { app_id: 'a' }, body }).toString('hex'),
  ]
  expect(new Set(all).size).toBe(all.length)
})
