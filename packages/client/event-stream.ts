/** A message of a stream of server-sent events. Fields that the message lacks are empty. */
export interface StreamMessage {
  id: string
  event: string
  /** The event as JSON, in the form that webhooks receive. */
  data: string
}

/**
 * Parses server-sent events (WHATWG HTML §9.2.6) from chunks cut at any place. For each chunk of text, the parser
 * returns the messages that are now complete, including messages with only an id. It ignores `retry`.
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
