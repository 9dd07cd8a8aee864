import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyCharacter } from '../../test/support/any-character.ts'
import { readReportBody } from './report.ts'

test.each([
  [{ t: 'abc' }, { token: 'abc', action: undefined }],
  [
    { t: 'abc', action: 'track' },
    { token: 'abc', action: 'track' },
  ],
  [
    { t: 'abc', action: '' },
    { token: 'abc', action: undefined },
  ],
  [
    { t: 'abc', action: 7 },
    { token: 'abc', action: undefined },
  ],
  [
    { t: 'abc', action: 'a\0b' },
    { token: 'abc', action: 'ab' },
  ],
  [
    { t: 'abc', action: 'x'.repeat(300) },
    { token: 'abc', action: 'x'.repeat(255) },
  ],
  [
    { t: 'abc', action: `${'x'.repeat(254)}😀` },
    { token: 'abc', action: `${'x'.repeat(254)}�` },
  ],
  [{ t: ['abc'] }, { token: '', action: undefined }],
  [null, { token: '', action: undefined }],
  ['abc', { token: '', action: undefined }],
])('%j', (body, report) => {
  expect(readReportBody(body)).toEqual(report)
})

test('whatever comes, an action is text that can be kept', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 1 }),
      fc.string({ unit: anyCharacter, maxLength: 600 }),
      (t, action) => {
        const report = readReportBody({ t, action })
        expect(typeof report.token).toBe('string')
        if (report.action === undefined) return
        expect(report.action.length).toBeLessThanOrEqual(255)
        expect(report.action).not.toContain('\0')
        expect(report.action.isWellFormed()).toBe(true)
      },
    ),
  )
})
