import { concat, encode } from './bytes.ts'
import { WebhookVerificationError } from './errors.ts'

/** The service sends at most 1 MiB: the largest `max_bytes` that a batch can have. */
export const defaultMaxBodyBytes = 1_048_576

/** The parts used of a Fetch API request. */
export interface BodySource {
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | null
  readonly bodyUsed: boolean
}

/** @throws {WebhookVerificationError} `too_large`, or `body_used` */
export async function readBody(request: BodySource, maxBytes = defaultMaxBodyBytes): Promise<Uint8Array> {
  if (request.bodyUsed) throw bodyIsGone()
  if (Number(request.headers.get('content-length')) > maxBytes) throw tooLarge(maxBytes)
  const reader = request.body?.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    chunks.push(read.value)
    length += read.value.length
    if (length <= maxBytes) continue
    await reader?.cancel()
    throw tooLarge(maxBytes)
  }
  return concat(...chunks)
}

/** The parts used of a request of `node:http` or Express. */
export interface NodeBodySource {
  readonly body?: unknown
  /** Some serverless hosts provide the raw body here, beside the parsed one. */
  readonly rawBody?: unknown
  readonly readableDidRead: boolean
  on(event: string, listener: (value: unknown) => void): unknown
  pause(): unknown
}

/** @throws {WebhookVerificationError} `too_large`, or `body_used` when a parser has left no raw body */
export async function readNodeBody(
  request: NodeBodySource,
  maxBytes = defaultMaxBodyBytes,
): Promise<Uint8Array> {
  for (const body of [request.rawBody, request.body]) {
    if (typeof body === 'string') return checkLength(encode(body), maxBytes)
    if (body instanceof Uint8Array) return checkLength(body, maxBytes)
  }
  if (request.readableDidRead) throw bodyIsGone()
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let length = 0
    request.on('data', (value) => {
      const chunk = value as Uint8Array
      chunks.push(chunk)
      length += chunk.length
      if (length <= maxBytes) return
      // Paused, not destroyed, so that the sender still receives the answer.
      request.pause()
      reject(tooLarge(maxBytes))
    })
    request.on('end', () => resolve(concat(...chunks)))
    request.on('error', reject)
    request.on('close', () => reject(new Error('the request ended before its body was complete')))
  })
}

/** Checks a body that other code has already read. @throws {WebhookVerificationError} `too_large` */
export function checkLength(body: Uint8Array, maxBytes = defaultMaxBodyBytes): Uint8Array {
  if (body.length > maxBytes) throw tooLarge(maxBytes)
  return body
}

function tooLarge(maxBytes: number): WebhookVerificationError {
  return new WebhookVerificationError('too_large', `the body is longer than ${maxBytes} bytes`)
}

function bodyIsGone(): WebhookVerificationError {
  const message = 'the body was read before: let no parser (express.json() or the like) run before this route'
  return new WebhookVerificationError('body_used', message)
}
