import { poll } from './api.ts'

/** A message of a stream, its fields as they came. */
export interface StreamMessage {
  id: string
  event: string
  data: string
}

/** A stream of events, read as it comes. */
export interface EventStream {
  response: Response
  /** All of it so far. */
  text(): string
  messages(): StreamMessage[]
  waitFor(count: number): Promise<StreamMessage[]>
  /** Goes away without a word. */
  cut(): void
  /** Resolves when the service ends it. */
  ended: Promise<void>
}

/** Opens a stream of events. An answer that is none is there to be read from `response`. */
export async function openEventStream(
  url: string,
  key: string | null,
  headers: Record<string, string> = {},
): Promise<EventStream> {
  const abort = new AbortController()
  const response = await fetch(url, {
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
    signal: abort.signal,
  })
  const chunks: string[] = []
  let rest = ''
  const messages: StreamMessage[] = []
  const isStream = response.headers.get('content-type') === 'text/event-stream'
  const read = async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      chunks.push(chunk)
      rest += chunk
      const end = rest.lastIndexOf('\n\n')
      if (end < 0) continue
      messages.push(...parse(rest.slice(0, end)))
      rest = rest.slice(end + 2)
    }
  }
  const ended = isStream ? read() : Promise.resolve()
  ended.catch(() => {})
  const stream: EventStream = {
    response,
    text: () => chunks.join(''),
    messages: () => [...messages],
    waitFor: (count) =>
      poll(
        async () => [...messages],
        ({ length }) => length >= count,
      ),
    cut: () => abort.abort(),
    ended,
  }
  return stream
}

function parse(text: string): StreamMessage[] {
  return text.split('\n\n').flatMap((block) => {
    const [, id, event, data] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? []
    return id === undefined ? [] : [{ id, event: event!, data: data! }]
  })
}
