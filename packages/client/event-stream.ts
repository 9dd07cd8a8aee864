/** A message of a stream of server-sent events. What it does not have is empty. */
export interface StreamMessage {
  id: string
  event: string
  /** The event as webhooks get it: JSON. */
  data: string
}

/**
 * Reads server-sent events (WHATWG HTML §9.2.6) of which any part may come at a time: give it the text as it comes, it
 * returns the messages that are whole, those that have an id alone included. `retry` is left to the caller.
 */
export function createStreamParser(): (text: string) => StreamMessage[] {
  let rest = ''
  let message = { id: '', event: '', data: [] as string[] }
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    const whole: StreamMessage[] = []
    for (const line of lines.map((each) => each.replace(/\r$/, ''))) {
      if (line === '') {
        const { id, event, data } = message
        if (id || data.length > 0) whole.push({ id, event, data: data.join('\n') })
        message = { id: '', event: '', data: [] }
        continue
      }
      const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!
      if (name === 'id' || name === 'event') message[name] = value
      if (name === 'data') message.data.push(value)
    }
    return whole
  }
}
