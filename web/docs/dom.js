/**
 * Makes an element. Text is always text, never markup.
 *
 * @param {string} tag e.g. `p`, or `p.note` with a class
 * @param {Record<string, unknown>} properties of the element; `aria-…` and `data-…` are attributes
 * @param {...(Node | string | undefined | false)} children
 */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.')
  const element = document.createElement(name)
  if (classes.length > 0) element.className = classes.join(' ')
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-')) element.setAttribute(key, value)
    else element[key] = value
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== false))
  return element
}

/** The nodes of a text with `code` in it. */
export function inline(text = '') {
  return text.split('`').map((part, index) => (index % 2 ? el('code', {}, part) : part))
}

/** A text with paragraphs and `code`. */
export function prose(text = '') {
  return text.split('\n\n').map((paragraph) => el('p', {}, ...inline(paragraph)))
}

/** What is made when somebody opens it, not before: schemas may contain themselves. */
export function lazyDetails(summary, make) {
  const details = el('details', {}, el('summary', {}, summary))
  details.addEventListener('toggle', () => details.open && details.append(...[make()].flat()), { once: true })
  return details
}

/** A block of code that can be copied. @returns the block, and `set` for its text */
export function codeBlock(text, label = 'Copy') {
  const code = el('code', {}, text)
  const button = el('button.copy', { type: 'button' }, label)
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(code.textContent)
    button.textContent = 'Copied'
    setTimeout(() => {
      button.textContent = label
    }, 1_500)
  })
  const block = el('pre', { tabIndex: 0 }, button, code)
  return {
    block,
    set: (next) => {
      code.textContent = next
    },
  }
}
