import { z } from 'zod'
import { type EventData, type EventType, platformField } from '../events/catalog.ts'
import { type Filter, maxEntries, maxText } from './filter.ts'

type DataField = { [Type in EventType]: keyof EventData<Type> }[EventType]

const exists = z
  .strictObject({
    exists: z.boolean().meta({ description: 'true: events that have the field; false: events without it.' }),
  })
  .meta({ id: 'FilterExists', description: 'Whether the field is there.' })

function testOf<Value extends z.ZodType>(name: string, kind: string, value: Value) {
  const oneOf = z
    .strictObject({
      in: z.array(value).min(1).max(maxEntries).meta({ description: 'The values, any of which matches.' }),
    })
    .meta({ id: `${name}In`, description: 'The field is one of several values.' })
  return z.xor([value, oneOf, exists]).meta({
    id: name,
    description: `A test of a field that holds ${kind}: a value, several, or its presence.`,
  })
}

const text = z.string().max(maxText)
const textTest = testOf('TextTest', 'text', text)
const nullableTextTest = testOf('NullableTextTest', 'text or null', text.nullable())
const numberTest = testOf('NumberTest', 'a number', z.number())
const nullableNumberTest = testOf('NullableNumberTest', 'a number or null', z.number().nullable())
const platformTest = testOf('PlatformTest', 'a platform', platformField)

/** The fields that a filter may test: every field in the data of any event. */
const tests = {
  notification_id: textTest,
  app_id: textTest,
  title: textTest,
  sent_count: numberTest,
  failed_count: numberTest,
  pending_count: numberTest,
  subscriber_id: textTest,
  user_id: nullableTextTest,
  platform: platformTest,
  at: textTest,
  action: textTest,
  reason: textTest,
  status: nullableNumberTest,
  failure_reason: textTest,
  webhook_id: textTest,
  url: textTest,
  failure_count: numberTest,
} satisfies Record<DataField, z.ZodType>

const optionalTests = Object.fromEntries(
  Object.entries(tests).map(([name, test]) => [name, test.optional()]),
) as { [Name in keyof typeof tests]: z.ZodOptional<(typeof tests)[Name]> }

const several = (description: string) =>
  z.array(describedFilter).min(1).max(maxEntries).optional().describe(description)

/**
 * A filter as the API description shows it. Requests are checked by filter.ts, because its refusals say more than those
 * of a schema.
 */
export const describedFilter: z.ZodType<Filter> = z
  .strictObject({
    get and() {
      return several('All of these filters have to match.')
    },
    get or() {
      return several('One of these filters has to match.')
    },
    get not() {
      return describedFilter.optional().meta({ description: 'This filter must not match.' })
    },
    ...optionalTests,
  })
  .meta({
    id: 'Filter',
    minProperties: 1,
    maxProperties: maxEntries,
    description:
      "A condition on an event's `data`. All entries have to match; `and`, `or` and `not` combine filters, at most 5 deep. A field that is absent equals nothing, not even null.",
    examples: [{ platform: 'web', action: { exists: true } }],
  }) as unknown as z.ZodType<Filter>
