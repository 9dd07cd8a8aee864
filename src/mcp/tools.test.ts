import { AjvJsonSchemaValidator } from '@modelcontextprotocol/client/validators/ajv'
import { expect, test } from 'vitest'
import { readDocument } from '../../test/support/documents.ts'
import { inputsOfBody } from './input-schema.ts'
import { makeTools } from './tools.ts'

const description = JSON.parse(readDocument('openapi.json'))
const tools = makeTools(description)
const validator = new AjvJsonSchemaValidator()
const id = '01996d5e-0000-7000-8000-000000000000'

test.each(tools.map((tool) => [tool.shown.name, tool] as const))(
  'the schema of %s takes the example of its operation, and no other argument',
  (_, { shown, route }) => {
    const validate = validator.getValidator<Record<string, unknown>>(shown.inputSchema)
    const operation = description.paths[route.path][route.method.toLowerCase()]
    const args = {
      ...Object.fromEntries(route.pathNames.map((name) => [name, id])),
      ...operation.requestBody?.content['application/json'].example,
    }
    expect(validate(args)).toMatchObject({ valid: true })
    expect(validate({ ...args, colour: 'red' }).valid).toBe(false)
    for (const name of route.pathNames) expect(validate({ ...args, [name]: undefined }).valid).toBe(false)
  },
)

test('names are those that every client takes, each once, and no schema has alternatives at its top', () => {
  const names = tools.map(({ shown }) => shown.name)
  expect(new Set(names).size).toBe(names.length)
  for (const { shown } of tools) {
    expect(shown.name).toMatch(/^[a-z_]{1,48}$/)
    expect(shown.description).toBeTruthy()
    expect(Object.keys(shown.inputSchema).filter((key) => /Of$/.test(key))).toEqual([])
    expect(JSON.stringify(shown.inputSchema)).not.toContain('#/components')
  }
})

test('a body of several kinds has the fields of all, and requires what all do', () => {
  const text = { type: 'string' }
  const kinds = {
    A: { type: 'object', properties: { a: text, both: text, differs: text }, required: ['a', 'both'] },
    B: { type: 'object', properties: { both: text, differs: { type: 'number' } }, required: ['both'] },
  }
  const oneOf = Object.keys(kinds).map((name) => ({ $ref: `#/components/schemas/${name}` }))
  expect(inputsOfBody({ oneOf }, kinds)).toEqual({
    properties: { a: text, both: text, differs: { anyOf: [text, { type: 'number' }] } },
    required: ['both'],
  })
})

test('an operation whose inputs share a name is refused when the tools are made', () => {
  const copy = structuredClone(description)
  copy.components.schemas.UpdateAppRequest.properties.app_id = { type: 'string' }
  expect(() => makeTools(copy)).toThrow('updateApp takes two inputs named app_id')
})
