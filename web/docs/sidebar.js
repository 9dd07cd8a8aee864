import { el } from './dom.js'

/** The list of all operations by tag, and a field to find one. */
export function sidebar(groups) {
  const search = el('input.search', {
    type: 'search',
    placeholder: 'Find an operation',
    'aria-label': 'Find',
  })
  const lists = groups.map(({ name, entries }) => {
    const links = entries.map(({ id, method, path, operation, isSent }) => {
      const link = el(
        'a',
        { href: `#${id}`, title: path },
        el('span', {}, isSent ? id : operation.summary),
        el(`span.method.${method.toLowerCase()}`, {}, method),
      )
      return { link, text: `${name} ${method} ${path} ${operation.summary} ${id}`.toLowerCase() }
    })
    return { section: el('section', {}, el('h2', {}, name), ...links.map(({ link }) => link)), links }
  })
  search.addEventListener('input', () => {
    const words = search.value.toLowerCase().split(/\s+/)
    for (const { section, links } of lists) {
      for (const { link, text } of links) link.hidden = !words.every((word) => text.includes(word))
      section.hidden = links.every(({ link }) => link.hidden)
    }
  })
  return {
    nodes: [search, ...lists.map(({ section }) => section)],
    mark(id) {
      for (const { link } of lists.flatMap(({ links }) => links)) {
        link.toggleAttribute('aria-current', link.hash === `#${id}`)
        if (link.hash === `#${id}`) link.scrollIntoView({ block: 'nearest' })
      }
    },
  }
}
