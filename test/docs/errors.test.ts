import { expect, test } from 'vitest'
import { refusals } from '../../src/platform/errors.ts'
import { readDocument, tableRows } from '../support/documents.ts'

const rows = tableRows(readDocument('docs/reference/errors.md')).filter(([status]) => /^\d+$/.test(status!))

test.each(
  Object.entries({
    ...refusals,
    malformedBody: () => refusals.malformedBody('Request body is not valid JSON'),
    invalid: () => refusals.invalid({ url: ['must use https://'] }),
    rateLimited: () => refusals.rateLimited(23),
  }),
)('docs/reference/errors.md has the answer of %s', (_, make) => {
  const { status, error, details, retryAfterSeconds } = make().shape
  const body = rows
    .filter((row) => row[0] === String(status))
    .map((row) => JSON.parse(row[1]!.slice(1, -1)))
    .find((documented) => documented.error === error)
  // As JSON: what is absent is not there.
  expect(body).toEqual(JSON.parse(JSON.stringify({ error, details, retry_after: retryAfterSeconds })))
})

test('docs/reference/errors.md has no other status, but for our own faults', () => {
  const made = [
    refusals.malformedBody(''),
    refusals.unauthorized(),
    refusals.unknownPublishableKey(),
    refusals.originNotAllowed(),
    refusals.insufficientScope(),
    refusals.foreignOrigin(),
    refusals.notFound(),
    refusals.methodNotAllowed(),
    refusals.unreadableRequest(),
    refusals.requestTimeout(),
    refusals.headersTooLarge(),
    refusals.bodyTooLarge(),
    refusals.notJson(),
    refusals.invalid({}),
    refusals.rateLimited(1),
    refusals.unavailable(),
    refusals.tooManyStreamsOfTeam(),
    refusals.tooManyStreams(),
  ]
  const statuses = new Set(rows.map(([status]) => Number(status)))
  expect(statuses).toEqual(new Set([...made.map(({ shape }) => shape.status), 500]))
  expect(made).toHaveLength(Object.keys(refusals).length)
})
