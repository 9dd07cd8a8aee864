import { WebhookVerificationError } from './errors.ts'

/** The body as it arrived, before any parser. */
export type RawBody = string | Uint8Array | ArrayBuffer

const encoder = new TextEncoder()

/** Encodes text as UTF-8. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** Also accepts views and buffers of another realm, for example of a test runner or a sandbox. */
export function viewBytes(rawBody: RawBody): Uint8Array {
  if (typeof rawBody === 'string') return encode(rawBody)
  if (ArrayBuffer.isView(rawBody)) {
    return new Uint8Array(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength)
  }
  if (Object.prototype.toString.call(rawBody) === '[object ArrayBuffer]') return new Uint8Array(rawBody)
  const message = 'rawBody must be the body as it arrived, a string or bytes, not what a parser made of it'
  throw new WebhookVerificationError('invalid_body', message)
}

/** Concatenates the parts into a copy that other code cannot change. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** @throws when the text is not base64 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

/** Hexadecimal, in lower case. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
