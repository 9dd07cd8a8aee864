import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { renderOpenapi } from '../../scripts/render-openapi.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document to look around in
type Json = any

const rendered = await renderOpenapi()
const document = JSON.parse(rendered)
const operations: [string, Json][] = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, Json] => [
    `${method.toUpperCase()} ${path}`,
    operation,
  ]),
)

/** What the service sends by itself. */
const sent: [string, Json][] = Object.entries<Json>(document.webhooks).map(([name, { post }]) => [name, post])

test('openapi.json is what the routes say: npm run openapi makes it anew', () => {
  expect(rendered).toBe(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'))
})

test('every reference leads somewhere', () => {
  const references = [...rendered.matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, path]) => path!)
  expect(references.length).toBeGreaterThan(100)
  for (const path of new Set(references)) {
    const found = path.split('/').reduce((part: Json, name) => part?.[name], document)
    expect(found, path).toBeDefined()
  }
})

test('everything that has a name is described, and so is every field and parameter', () => {
  const undescribed = Object.entries<Json>(document.components.schemas).flatMap(([name, schema]) => [
    ...(schema.description ? [] : [name]),
    ...undescribedFields(schema, name),
  ])
  const parameters = [...operations, ...sent].flatMap(([name, operation]) =>
    (operation.parameters ?? [])
      .filter((each: Json) => !each.description)
      .map((each: Json) => `${name} ${each.name}`),
  )
  expect([...undescribed, ...parameters]).toEqual([])
})

/** The fields of an object, and of those in it, that say nothing of themselves; what is named elsewhere says it there. */
function undescribedFields(schema: Json, path: string): string[] {
  const fields = Object.entries<Json>(schema.properties ?? {})
  const nested = [
    ...(schema.oneOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.allOf ?? []),
    ...[schema.items ?? []].flat(),
  ]
  return [
    ...fields
      .filter(([, field]) => !field.description && !field.$ref && !field.anyOf?.[0].$ref)
      .map(([name]) => `${path}.${name}`),
    ...fields.flatMap(([name, field]) => undescribedFields(field, `${path}.${name}`)),
    ...nested.flatMap((part) => undescribedFields(part, path)),
  ]
}

test('bodies and answers are named', () => {
  const contents = operations.flatMap(([, { requestBody, responses }]) =>
    [requestBody, ...Object.values<Json>(responses)].flatMap((part) =>
      Object.entries<Json>(part?.content ?? {}),
    ),
  )
  const json = contents.filter(([type]) => type === 'application/json')
  expect(json.length).toBeGreaterThan(50)
  for (const [, { schema }] of json)
    expect(schema).toEqual({ $ref: expect.stringMatching(/^#\/components\/schemas/) })
})

test('every operation has an id of its own', () => {
  const ids = operations.map(([, { operationId }]) => operationId)
  expect(new Set(ids).size).toBe(operations.length)
})

test('every operation that SDKs want has a method of its own among those of its tag', () => {
  const methods = operations
    .filter(([, operation]) => !operation['x-internal'])
    .map(([, operation]) => `${operation['x-speakeasy-group']}.${operation['x-speakeasy-name-override']}`)
  expect(methods).toContain('notifications.create')
  expect(new Set(methods).size).toBe(methods.length)
})

/** What they do is all in their path. */
const bodyless = /\/(\{subscriber_id\}\/unsubscribe|cancel|deliveries\/\{delivery_id\}\/replay)$/

describe.each(operations)('%s', (name, operation) => {
  const open = name.includes('/push/track/')
  const published = name.includes('/push/public/')
  const keyed = name.includes('/api/v1/') && !open && !published
  const takesBody = /^(POST|PATCH)/.test(name) && !bodyless.test(name)

  test('says what it is, for whom, and where', () => {
    expect(operation.operationId).toMatch(/^[a-z]+[A-Z]\w+$/)
    expect(operation.summary).toBeTruthy()
    expect(document.tags.map((tag: Json) => tag.name)).toContain(operation.tags[0])
    expect(operation.security).toEqual(keyed ? [{ key: [] }] : published ? [{ publishableKey: [] }] : [])
    expect(operation['x-internal'] === true).toBe(!keyed)
    if (keyed) expect(operation['x-required-scope']).toMatch(/^push:(read|write)$/)
    const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, param]) => param)
    const declared = (operation.parameters ?? []).filter((param: Json) => param.in === 'path')
    expect(declared.map((param: Json) => param.name)).toEqual(inPath)
  })

  test('says what it takes and answers', () => {
    const body = operation.requestBody?.content['application/json']
    expect(body?.schema !== undefined && body?.example !== undefined).toBe(takesBody)
    const good = Object.entries<Json>(operation.responses).filter(([status]) => status.startsWith('2'))
    expect(good).not.toEqual([])
    for (const [status, { content }] of good) {
      if (status === '204') expect(content).toBeUndefined()
      else expect(Object.values<Json>(content)[0]).toMatchObject({ schema: {}, example: expect.anything() })
    }
    const refused = Object.keys(operation.responses).map(Number)
    if (keyed || published) expect(refused).toEqual(expect.arrayContaining([401, 403, 429, 500]))
    if (name.includes('{')) expect(refused).toContain(404)
    if (open) expect(refused).toEqual([204, 413, 429, 500, 503])
    else if (takesBody) expect(refused).toEqual(expect.arrayContaining([400, 413, 415, 422]))
  })
})
