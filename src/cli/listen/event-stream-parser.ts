/** A message of a stream of server-sent events. */
export interface StreamMessage {
  /** Empty when it has none; so are the others. */
  id: string
  event: string
  data: string
}

/**
 * Reads server-sent events (WHATWG HTML §9.2.6) of which any part may come at a time: give it the text as it comes, it
 * returns the messages that are whole, those that have an id alone included. `retry` is left to the caller's patience.
 */
export function createStreamParser(): (text: string) => StreamMessage[] {
  let rest = ''
  let message = begin()
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    const whole: StreamMessage[] = []
    for (const line of lines.map((each) => each.replace(/\r$/, ''))) {
      if (line === '') {
        const { id, event, data } = message
        if (id || data.length > 0) whole.push({ id, event, data: data.join('\n') })
        message = begin()
        continue
      }
      const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!
      if (name === 'id') message.id = value
      if (name === 'event') message.event = value
      if (name === 'data') message.data.push(value)
    }
    return whole
  }
}

function begin(): { id: string; event: string; data: string[] } {
  return { id: '', event: '', data: [] }
}
