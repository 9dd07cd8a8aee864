import { z } from 'zod'

/** A resource as responses show it. Only the API's description uses it; responses are built without it. */
export interface Shape {
  /** Its name in the description, e.g. `Webhook`. */
  name: string
  schema: z.ZodType
  example: unknown
}

/** A successful response of a route. */
export interface Answer {
  description: string
  /** Absent: no body. */
  content?: { type: string; schema: z.ZodType; example: unknown }
}

/** What the API's description says about a route, in addition to its schemas. */
export interface RouteDocs {
  operationId: string
  /** The operation's name in SDKs, within its tag; default: the `operationId` without the tag's noun. */
  sdkMethod?: string
  summary: string
  description?: string
  tags: readonly string[]
  /** Responses by status. Refusals are not included: refusal-answers.ts derives them from the route. */
  answers: Record<number, Answer>
  bodyExample?: unknown
  /** The kinds of body that the route accepts; described instead of the schema that parses the body. */
  bodyKinds?: z.ZodType
  /** Request headers that the handler reads itself: name → purpose. */
  takesHeaders?: Record<string, string>
}

/** The documentation of several routes with the same tag. */
export function groupedBy<Docs extends Record<string, Omit<RouteDocs, 'tags'>>>(tag: string, docs: Docs) {
  const tagged = Object.entries(docs).map(([name, each]) => [name, { tags: [tag], ...each }])
  return Object.fromEntries(tagged) as { [Name in keyof Docs]: RouteDocs }
}

/** The ids in a path, each where the path has it. `requireIds` checks them before this schema sees them. */
type PathIds = Record<
  `${'app' | 'delivery' | 'event' | 'notification' | 'replay' | 'subscriber' | 'webhook'}_id`,
  string
>
const params = z.custom<PathIds>()

/** Options of a route: its documentation, and the schemas of its query and its body. */
export function documented<Requests extends object = object>(docs: RouteDocs, requests = {} as Requests) {
  return { schema: { ...docs, params, ...requests } }
}

declare module 'fastify' {
  interface FastifySchema extends Partial<RouteDocs> {
    /** Leaves the route out of the API's description. */
    hide?: boolean
  }
}

export const idField = z.string().meta({ format: 'uuid' })
/** @param noun e.g. `app` in “The app's id.” */
export const idOf = (noun: string) => idField.describe(`The ${noun}'s id.`).meta({ format: 'uuid' })
const timestamp = { format: 'date-time', description: 'UTC, to the second.' }
export const timestampField = z.string().meta(timestamp)
/** @param description e.g. “When it was created.” */
export const timeOf = (description: string) => z.string().meta({ ...timestamp, description })
export const createdAt = timeOf('When it was created, in UTC.')
export const updatedAt = timeOf('When it last changed, in UTC.')

/**
 * @param schema the compiler checks it against `Presented`, the return type of the resource's present… function
 */
export function defineShape<Presented>(
  name: string,
  schema: z.ZodType<Presented>,
  example: NoInfer<Presented>,
): Shape {
  return { name, schema: schema.meta({ id: name, examples: [example] }), example }
}

/** `{"data": {…}}` */
export function one(shape: Shape, description: string): Answer {
  return json(
    z
      .object({ data: shape.schema.describe(`The ${nounOf(shape)}.`) })
      .meta({ id: `${shape.name}Response`, description: `An answer with a ${nounOf(shape)}.` }),
    { data: shape.example },
    description,
  )
}

/** `{"data": [{…}, …], "next_cursor": "…"}` */
export function pageOf(shape: Shape, description: string): Answer {
  const nextCursor = z
    .string()
    .nullable()
    .describe('Pass it as `cursor` to get the next page; null: this is the last page.')
  return json(
    z
      .object({ data: z.array(shape.schema).describe('The entries of the page.'), next_cursor: nextCursor })
      .meta({
        id: `${shape.name}List`,
        description: `One page of a list: each entry is a ${nounOf(shape)}.`,
      }),
    { data: [shape.example], next_cursor: exampleCursor },
    description,
  )
}

const exampleCursor = 'ZAGZbWLQ53oxjFUOnxorPE0'

/** `LoggedDelivery` → `logged delivery` */
function nounOf({ name }: Shape): string {
  return name.replaceAll(/(?<=[a-z])[A-Z]/g, ' $&').toLowerCase()
}

/** Field name → its error messages. */
export const detailsField = z
  .record(z.string(), z.array(z.string()))
  .describe('What is wrong, by field. Fields in fields are joined by dots: `keys.p256dh`.')

/** A refused row of a batch. It does not affect the other rows. */
const refusedRow = z
  .object({
    status: z.int().min(400).max(599).describe('What the request for this row alone would have answered.'),
    error: z.string().describe('What is wrong, in a sentence for people.'),
    details: detailsField.optional(),
  })
  .meta({ id: 'RefusedRow', description: 'A row that was refused. The other rows are not affected.' })

/** `{"data": [{"status": 201, "data": {…}}, …]}`: for each row, the response that a request for it alone would get. */
export function rowsOf(shape: Shape, description: string): Answer {
  const acceptedRow = z
    .object({
      status: z.int().min(200).max(299).describe('What the request for this row alone would have answered.'),
      data: shape.schema.describe(`The ${nounOf(shape)}.`),
    })
    .meta({ id: `${shape.name}Row`, description: 'A row that was accepted.' })
  const row = z
    .xor([acceptedRow, refusedRow])
    .meta({ id: `${shape.name}BatchRow`, description: 'The outcome of one row: accepted or refused.' })
  const refused = { status: 422, error: 'Validation failed', details: { title: ['is required'] } }
  return json(
    z
      .object({ data: z.array(row).describe('An outcome for each row, in the order of the request.') })
      .meta({ id: `${shape.name}BatchResponse`, description: 'The outcome of a batch, row by row.' }),
    { data: [{ status: 201, data: shape.example }, refused] },
    description,
  )
}

/** A body that is not wrapped in `data`. */
export function bare(shape: Shape, description: string, example = shape.example): Answer {
  return json(shape.schema, example, description)
}

export function plainText(description: string, example: string): Answer {
  return { description, content: { type: 'text/plain', schema: z.string(), example } }
}

function json(schema: z.ZodType, example: unknown, description: string): Answer {
  return { description, content: { type: 'application/json', schema, example } }
}
