import { z } from 'zod'

/** A thing as answers show it. Named in the API's description; never used to make an answer. */
export interface Shape {
  /** As the description names it, e.g. `Webhook`. */
  name: string
  schema: z.ZodType
  example: unknown
}

/** What a route answers when it does what was asked. */
export interface Answer {
  description: string
  /** Absent: no body. */
  content?: { type: string; schema: Record<string, unknown>; example: unknown }
  /** What the schema refers to. */
  shapes: Shape[]
}

/** What is said about a route in the API's description, besides what its schemas say. */
export interface RouteDocs {
  operationId: string
  summary: string
  description?: string
  tags: string[]
  /** By status. Refusals are not among them: they follow from the route (refusal-answers.ts). */
  answers: Record<number, Answer>
  bodyExample?: unknown
  /** Request headers that the handler reads itself: name → what it is for. */
  takesHeaders?: Record<string, string>
}

declare module 'fastify' {
  interface FastifySchema extends Partial<Pick<RouteDocs, 'answers' | 'bodyExample' | 'takesHeaders'>> {}
}

export const idField = z.string().meta({ format: 'uuid' })
export const timestampField = z.string().meta({ format: 'date-time', description: 'UTC, to the second' })

/**
 * @param schema checked by the compiler against `Presented`, what the present… function of the thing returns
 */
export function defineShape<Presented>(
  name: string,
  schema: z.ZodType<Presented>,
  example: NoInfer<Presented>,
): Shape {
  return { name, schema, example }
}

/** `{"data": {…}}` */
export function one(shape: Shape, description: string): Answer {
  return wrap(refTo(shape), shape.example, description, [shape])
}

/** `{"data": [{…}, …]}` */
export function many(shape: Shape, description: string): Answer {
  return wrap({ type: 'array', items: refTo(shape) }, [shape.example], description, [shape])
}

/** `{"data": [{"status": 201, "data": {…}}, …]}`: for each row of a batch what the request for it alone would answer. */
export function rowsOf(shape: Shape, description: string): Answer {
  const row = {
    type: 'object',
    required: ['status'],
    properties: {
      status: { type: 'integer', description: 'What the request for this row alone would have answered.' },
      data: refTo(shape),
      error: { type: 'string', description: 'Of a row that is refused.' },
      details: {
        type: 'object',
        description: 'With 422: field name → what is wrong with it.',
        additionalProperties: { type: 'array', items: { type: 'string' } },
      },
    },
  }
  const refused = { status: 422, error: 'Validation failed', details: { title: ['is required'] } }
  const example = [{ status: 201, data: shape.example }, refused]
  return wrap({ type: 'array', items: row }, example, description, [shape])
}

/** `{"data": [{…}, …], "next_cursor": "…"}` */
export function pageOf(shape: Shape, description: string): Answer {
  const { content, ...page } = many(shape, description)
  const { type, schema, example } = content!
  const cursor = {
    type: ['string', 'null'],
    description: 'Give it as `cursor` to get the next page; null: this is the last one.',
  }
  const wrapped = {
    ...schema,
    required: ['data', 'next_cursor'],
    properties: { ...(schema.properties as object), next_cursor: cursor },
  }
  return {
    ...page,
    content: { type, schema: wrapped, example: { ...(example as object), next_cursor: exampleCursor } },
  }
}

const exampleCursor = 'ZAGZbWLQ53oxjFUOnxorPE0'

/** No body, as 204 has it. */
export function empty(description: string): Answer {
  return { description, shapes: [] }
}

/** A body that is not wrapped in `data`. */
export function bare(shape: Shape, description: string, example = shape.example): Answer {
  const content = { type: 'application/json', schema: refTo(shape), example }
  return { description, content, shapes: [shape] }
}

export function plainText(description: string, example: string): Answer {
  return { description, content: { type: 'text/plain', schema: { type: 'string' }, example }, shapes: [] }
}

function wrap(
  schema: Record<string, unknown>,
  example: unknown,
  description: string,
  shapes: Shape[],
): Answer {
  const wrapped = { type: 'object', required: ['data'], properties: { data: schema } }
  return {
    description,
    content: { type: 'application/json', schema: wrapped, example: { data: example } },
    shapes,
  }
}

function refTo({ name }: Shape): Record<string, unknown> {
  return { $ref: `#/components/schemas/${name}` }
}
