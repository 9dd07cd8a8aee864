import { el, prose } from './dom.js'
import { operationView } from './operation.js'
import { createSchemaViews } from './schema.js'
import { sidebar } from './sidebar.js'

/** The page may be served below another path: everything is found from where it is itself. */
const base = new URL('../', location.href)
const content = document.querySelector('#content')

const answer = await fetch(new URL('openapi.json', base))
const description = await answer.json()
const views = createSchemaViews(description)
const groups = groupByTag(description)
const list = sidebar(groups)
document.querySelector('#operations').append(...list.nodes)
addEventListener('hashchange', show)
show()

/** The operations of the API by their tag, then the requests that the service sends by itself. */
function groupByTag({ tags, paths, webhooks }) {
  const entriesOf = (items, isSent) =>
    Object.entries(items).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        id: operation.operationId,
        method: method.toUpperCase(),
        path: isSent ? 'your webhook URL' : path,
        operation,
        isSent,
      })),
    )
  const operations = entriesOf(paths, false)
  const ofTags = tags.map(({ name, description: text }) => ({
    name,
    text,
    entries: operations.filter(({ operation }) => operation.tags.includes(name)),
  }))
  const sent = {
    name: 'webhook requests',
    text: 'What your webhooks receive.',
    entries: entriesOf(webhooks, true),
  }
  return [...ofTags, sent].filter(({ entries }) => entries.length > 0)
}

/** Shows the operations of one tag: the one that the address names, or the first. */
function show() {
  const id = decodeURIComponent(location.hash.slice(1))
  const group = groups.find(({ entries }) => entries.some((entry) => entry.id === id))
  const { name, text, entries } = group ?? groups[0]
  if (content.dataset.group !== name) {
    content.dataset.group = name
    content.replaceChildren(
      ...(group ? [] : [el('div.intro', {}, ...prose(description.info.description))]),
      el('h1', {}, name),
      ...prose(text),
      ...entries.map((entry) => operationView(entry, { description, views, base })),
    )
  }
  list.mark(id)
  if (group) document.getElementById(id).scrollIntoView()
}
