import { toCurl } from './curl.js'
import { codeBlock, el } from './dom.js'

/** What was typed for a parameter, for every other operation that has it. In memory, as the key is. */
const typed = new Map()
/** Of an answer, as it is shown. */
const maxShown = 100_000

/** @param base where the service is, for requests from this page */
export function tryIt({ method, path, operation, base }) {
  const keyed = operation.security.some((scheme) => 'key' in scheme)
  const media = Object.entries(operation.requestBody?.content ?? {})[0]
  const body =
    media && el('textarea', { value: JSON.stringify(media[1].example ?? {}, null, 2), spellcheck: false })
  if (body) body.rows = Math.min(18, body.value.split('\n').length + 1)
  const inputs = (operation.parameters ?? []).map((parameter) => ({ parameter, input: inputFor(parameter) }))
  const curl = codeBlock('')

  function request() {
    const valuesIn = (place) =>
      inputs.flatMap(({ parameter, input }) =>
        parameter.in === place && input.value !== '' ? [[parameter.name, input.value]] : [],
      )
    const inPath = new Map(valuesIn('path'))
    const filled = path.replaceAll(/\{(\w+)\}/g, (whole, name) =>
      inPath.has(name) ? encodeURIComponent(inPath.get(name)) : whole,
    )
    const query = new URLSearchParams(valuesIn('query')).toString()
    return {
      method,
      keyed,
      url:
        new URL(filled.slice(1), base).href.replaceAll('%7B', '{').replaceAll('%7D', '}') +
        (query && `?${query}`),
      headers: { ...(body && { 'content-type': media[0] }), ...Object.fromEntries(valuesIn('header')) },
      body: body?.value,
    }
  }
  const refresh = () => curl.set(toCurl(request()))
  const send = el('button.send', { type: 'submit' }, 'Send')
  const output = el('div.answer', { 'aria-live': 'polite' })
  const form = el(
    'form.try',
    {},
    ...inputs.map(({ parameter, input }) => el('label', {}, el('span', {}, parameter.name), input)),
    body && el('label', {}, el('span', {}, 'Body'), body),
    el('div.actions', {}, send),
    output,
  )
  form.addEventListener('input', refresh)
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    await perform(request(), send, output)
  })
  refresh()
  return el('div.aside', {}, el('h4', {}, 'Request'), curl.block, el('h4', {}, 'Try it'), form)
}

function inputFor({ name, in: place, required, schema }) {
  const input = el('input', {
    placeholder: schema.default === undefined ? (schema.format ?? '') : String(schema.default),
    required: required && place === 'path',
    spellcheck: false,
    autocomplete: 'off',
    value: place === 'path' ? (typed.get(name) ?? '') : '',
  })
  if (place === 'path') input.addEventListener('input', () => typed.set(name, input.value))
  return input
}

/** Sends a request with the key that was pasted, or the session of this browser where there is none. */
async function perform({ method, url, headers, body, keyed }, button, output) {
  const key = document.querySelector('#key').value.trim()
  const stopping = new AbortController()
  const stop = el('button.stop', { type: 'button' }, 'Stop')
  stop.addEventListener('click', () => stopping.abort())
  const status = el('p.status', {}, 'Waiting…')
  const shown = codeBlock('')
  output.replaceChildren(status, stop)
  button.disabled = true
  const startedAt = performance.now()
  try {
    const answer = await fetch(url, {
      method,
      body,
      headers: { ...headers, ...(keyed && key && { authorization: `Bearer ${key}` }) },
      signal: stopping.signal,
    })
    const ms = Math.round(performance.now() - startedAt)
    status.textContent = `${answer.status} ${answer.statusText} · ${ms} ms`
    status.classList.add(answer.ok ? 'good' : 'bad')
    output.append(shown.block)
    await readInto(shown.set, answer)
  } catch (error) {
    if (!stopping.signal.aborted) status.textContent = `No answer: ${error.message}`
  } finally {
    button.disabled = false
    stop.remove()
  }
}

/** Shows an answer as it comes: a stream of events does not end by itself. */
async function readInto(set, answer) {
  let text = ''
  if (!answer.body) return set('(no body)')
  for (const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) break
    text = (text + value).slice(-maxShown)
    set(text)
  }
  if (answer.headers.get('content-type')?.includes('json')) text = JSON.stringify(JSON.parse(text), null, 2)
  set(text || '(no body)')
}
