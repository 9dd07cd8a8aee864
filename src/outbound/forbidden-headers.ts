/**
 * Headers that a caller of the outbound client may not set, in lower case. Each of them belongs to one connection
 * (RFC 9110 §7.6.1, RFC 9113 §8.2.2), frames the message, or is set by the client from the URL and the body. Over
 * HTTP/2, Node destroys the whole session for some of them, and with it everybody else's requests.
 */
const forbiddenNames: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // As a key of a plain object, this name sets the prototype.
  '__proto__',
])

/** Prefix of the headers between a client and its proxy. */
const forbiddenPrefix = 'proxy-'

/** RFC 9110 §5.6.2. Pseudo-headers (`:path`) are not tokens. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** RFC 9110 §5.5, ASCII only and not empty: visible characters, with spaces and tabs between them. */
const fieldValue = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/

/** Why a header may not be sent: its name is not valid, its name is forbidden, or its value is not valid. */
export type HeaderFault = 'name' | 'forbidden' | 'value'

/** @returns null when every request may carry the header, over HTTP/1.1 and HTTP/2 */
export function findHeaderFault(name: string, value: string): HeaderFault | null {
  if (!token.test(name)) return 'name'
  const lowerCase = name.toLowerCase()
  if (forbiddenNames.has(lowerCase) || lowerCase.startsWith(forbiddenPrefix)) return 'forbidden'
  return fieldValue.test(value) ? null : 'value'
}
