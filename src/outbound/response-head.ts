import type { TLSSocket } from 'node:tls'

/** Length of `HTTP/1.1 200`: enough of a status line to tell an informational answer from a final one. */
const statusBytes = 12

const headEnd = '\r\n\r\n'

type Stage = 'status' | 'informational' | 'headers' | 'rest'

/**
 * Skips informational answers (RFC 9110 §15.2; except 101, which the service does not request) and replaces each line
 * folding in the headers with a space (RFC 9112 §5.2). All other bytes pass unchanged: the parser checks them.
 *
 * @param maxBytes longest part of a head that is held back, or skipped at once
 */
export function createResponseHead(maxBytes: number) {
  let stage: Stage = 'status'
  let held: Buffer = Buffer.alloc(0)
  let receivedBytes = 0

  /** Processes one step of the bytes that have not passed yet; null when more bytes are needed. */
  function step(bytes: Buffer): { passed: Buffer; left: Buffer } | null {
    if (stage === 'status') {
      const start = bytes.toString('latin1', 0, statusBytes)
      if (start.length < statusBytes && 'HTTP/1.'.startsWith(start.slice(0, 7))) return null
      if (!start.startsWith('HTTP/1.')) return passRest(bytes)
      stage = /^HTTP\/1\.\d 1(?!01)\d\d/.test(start) ? 'informational' : 'headers'
      return { passed: empty, left: bytes }
    }
    const end = bytes.indexOf(headEnd)
    if (stage === 'informational') {
      if (end >= 0) {
        stage = 'status'
        return { passed: empty, left: bytes.subarray(end + headEnd.length) }
      }
      return bytes.length > maxBytes ? passRest(bytes) : null
    }
    if (end < 0 && bytes.length <= maxBytes && !hasBareLineFeed(bytes)) return null
    if (end < 0) return passRest(bytes)
    const head = bytes.subarray(0, end + headEnd.length)
    stage = 'rest'
    return { passed: unfold(head), left: bytes.subarray(head.length) }
  }

  function passRest(bytes: Buffer) {
    stage = 'rest'
    return { passed: bytes, left: empty }
  }

  return {
    /** Bytes received from the peer since {@link begin}, including bytes that are still held back. */
    get receivedBytes() {
      return receivedBytes
    },
    /** Starts an exchange: the next bytes are the head of its answer. */
    begin() {
      stage = 'status'
      held = empty
      receivedBytes = 0
    },
    /** @returns the bytes that the parser may see now; may be empty */
    pass(chunk: Buffer): Buffer {
      receivedBytes += chunk.length
      if (stage === 'rest') return chunk
      let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      held = empty
      while (bytes.length > 0 && (stage as Stage) !== 'rest') {
        const stepped = step(bytes)
        if (!stepped) {
          held = bytes
          return empty
        }
        if (stepped.passed.length > 0) return join(stepped.passed, stepped.left)
        bytes = stepped.left
      }
      return bytes
    },
  }
}

/**
 * Filters the head of an answer between a socket and the HTTP/1.1 parser. Without it, undici closes a connection on an
 * unsolicited `100 Continue`, and its parser refuses folded headers.
 */
export type ResponseHead = ReturnType<typeof createResponseHead>

const empty: Buffer = Buffer.alloc(0)

function join(passed: Buffer, left: Buffer): Buffer {
  return left.length === 0 ? passed : Buffer.concat([passed, left])
}

/** A folded line begins with a space or tab. A blank directly after the status line is not a folding and stays. */
function unfold(head: Buffer): Buffer {
  if (head.indexOf('\r\n ') < 0 && head.indexOf('\r\n\t') < 0) return head
  const text = head.toString('latin1')
  const headersAt = text.indexOf('\r\n') + 2
  const isFolded = /^[^ \t\r]/.test(text.slice(headersAt))
  if (!isFolded) return head
  const unfolded = text.slice(headersAt).replace(/[ \t]*\r\n[ \t]+/g, ' ')
  return Buffer.from(text.slice(0, headersAt) + unfolded, 'latin1')
}

function hasBareLineFeed(bytes: Buffer): boolean {
  return /(?<!\r)\n/.test(bytes.toString('latin1'))
}

/** Filters everything that is read from a socket through `head`: undici has no hook between socket and parser. */
export function readThrough(head: ResponseHead | null, socket: TLSSocket): TLSSocket {
  if (!head || socket.alpnProtocol === 'h2') return socket
  const read = socket.read.bind(socket)
  socket.read = (size?: number) => {
    // Node calls `read(0)` to fetch more data.
    if (size === 0) return read(0)
    for (;;) {
      const chunk: Buffer | null = read(size)
      if (chunk === null) return null
      const passed = head.pass(chunk)
      if (passed.length > 0) return passed
    }
  }
  return socket
}
