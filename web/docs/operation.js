import { codeBlock, el, inline, lazyDetails, prose } from './dom.js'
import { tryIt } from './try-it.js'

/** An operation: what it takes and answers, and beside it the request to try. */
export function operationView({ id, method, path, operation, isSent }, { description, views, base }) {
  const resolved = (part) =>
    part.$ref
      ? part.$ref
          .split('/')
          .slice(1)
          .reduce((at, key) => at[key], description)
      : part
  const text = [
    el('h3', {}, isSent ? id : operation.summary),
    el('p.route', {}, el(`span.method.${method.toLowerCase()}`, {}, method), ' ', el('code', {}, path)),
    ...(isSent ? prose(operation.summary) : []),
    ...(operation.description === operation.summary ? [] : prose(operation.description)),
    ...parameterViews(operation.parameters ?? [], views),
    ...bodyViews(operation.requestBody, views),
    el('h4', {}, isSent ? 'What the receiver answers' : 'Answers'),
    ...Object.entries(operation.responses).map(([status, part]) =>
      answerView(status, resolved(part), resolved, views),
    ),
  ]
  const example = Object.values(operation.requestBody?.content ?? {})[0]?.example
  const aside = isSent
    ? el('div.aside', {}, el('h4', {}, 'Example'), codeBlock(JSON.stringify(example, null, 2)).block)
    : tryIt({ method, path, operation, base })
  return el('section.operation', { id }, el('div.text', {}, ...text), aside)
}

const places = { path: 'Path', query: 'Query', header: 'Headers' }

function parameterViews(parameters, views) {
  return Object.entries(places).flatMap(([place, title]) => {
    const these = parameters.filter((parameter) => parameter.in === place)
    if (these.length === 0) return []
    const items = these.map(({ name, schema, required, description }) =>
      views.field(name, { ...schema, description: description ?? schema.description }, required),
    )
    return [el('h4', {}, title), el('ul.fields', {}, ...items)]
  })
}

function bodyViews(requestBody, views) {
  const content = Object.values(requestBody?.content ?? {})[0]
  return content ? [el('h4', {}, 'Body'), ...views.fields(content.schema)] : []
}

function answerView(status, { description, headers = {}, content = {} }, resolved, views) {
  const [type, media] = Object.entries(content)[0] ?? []
  const summary = el('span', {}, el(`span.code-${status[0]}`, {}, status), ' ', ...inline(description))
  return lazyDetails(summary, () => [
    ...(type && type !== 'application/json' ? [el('p', {}, el('code', {}, type))] : []),
    ...(media?.schema.$ref ? views.fields(media.schema) : []),
    ...(media?.example === undefined ? [] : [codeBlock(toText(media.example)).block]),
    ...headerViews(headers, resolved, views),
  ])
}

function headerViews(headers, resolved, views) {
  const items = Object.entries(headers).map(([name, part]) => {
    const { description, schema } = resolved(part)
    return views.field(name, { ...schema, description })
  })
  return items.length > 0 ? [el('h5', {}, 'Headers'), el('ul.fields', {}, ...items)] : []
}

function toText(example) {
  return typeof example === 'string' ? example : JSON.stringify(example, null, 2)
}
