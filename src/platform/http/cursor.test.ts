import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cursorField, fromCursor, presentPage, toCursor } from './cursor.ts'

const id = '01996d62-d0e7-7f18-95ab-c3d2e4f60718'

test('a cursor stands for its id, in its own list only', () => {
  fc.assert(
    fc.property(fc.uuid(), (any) => {
      const cursor = toCursor('d', any)
      expect(cursor).toMatch(/^[\w-]{23}$/)
      expect(fromCursor('d', cursor)).toBe(any)
      expect(fromCursor('e', cursor)).toBeUndefined()
    }),
  )
})

test('nothing else is a cursor', () => {
  const cursor = toCursor('d', id)
  const others = ['', ' ', id, cursor.slice(1), cursor.slice(0, -1), `${cursor}A`, `${cursor}=`, ` ${cursor}`]
  // The last character holds two bits that belong to no byte: of four spellings only one is ours.
  expect(cursor).toMatch(/g$/)
  const spellings = ['h', 'i', 'j'].map((last) => cursor.slice(0, -1) + last)
  for (const other of [...others, ...spellings]) {
    expect(fromCursor('d', other), other).toBeUndefined()
    expect(cursorField('d').safeParse(other).error?.issues[0]?.message).toBe(
      'is not a cursor of this list: pass next_cursor as you received it',
    )
  }
  fc.assert(fc.property(fc.string(), (text) => fromCursor('d', text) === undefined))
})

test('a page has a next one when there was a row more', () => {
  const rows = [{ id }, { id: id.replace('0', '1') }]
  expect(presentPage('d', rows, 2, (row) => row)).toEqual({ data: rows, next_cursor: null })
  expect(presentPage('d', rows, 1, (row) => row)).toEqual({ data: [rows[0]], next_cursor: toCursor('d', id) })
  expect(presentPage('d', [], 1, (row) => row)).toEqual({ data: [], next_cursor: null })
})
