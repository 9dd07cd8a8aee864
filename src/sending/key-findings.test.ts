import { expect, test } from 'vitest'
import type { Outcome } from '../channels/outcome.ts'
import { keyFindings } from './key-findings.ts'

const acceptedAt = new Date('2026-06-01T08:00:00Z')
const sent: Outcome = { kind: 'sent', status: 201 }
const refused = (keyRefusal?: { acceptedAt: Date | null }): Outcome => ({
  kind: 'rejected',
  status: 403,
  reason: 'rejected',
  error: 'the push service answered 403',
  keyRefusal,
})

test.each<[string, Outcome, number, object]>([
  ['a refused key', refused({ acceptedAt }), 0, { refused: [{ subscriberId: 's', acceptedAt }] }],
  ['one refused again', refused({ acceptedAt }), 2, { refused: [{ subscriberId: 's', acceptedAt }] }],
  ['a key that the service takes from nobody', refused({ acceptedAt: null }), 0, {}],
  ['another refusal', refused(), 1, {}],
  ['one reached at once', sent, 0, {}],
  ['one reached after refusals', sent, 1, { reached: ['s'] }],
  ['one that is gone', { kind: 'gone', status: 410 }, 1, {}],
])('%s', (_, outcome, keyRefusals, findings) => {
  expect(keyFindings([{ subscriberId: 's', keyRefusals, outcome }])).toEqual({
    refused: [],
    reached: [],
    ...findings,
  })
})
