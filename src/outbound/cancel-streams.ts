import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type ClientHttp2Stream, constants } from 'node:http2'

const created = 'http2.client.stream.created'

/**
 * Makes HTTP/2 requests that are broken off end with `CANCEL` (RFC 9113 §7), until the returned function is called.
 *
 * undici 8.13 closes such a stream without a code and destroys it at once. If its body is still waiting to be sent, Node
 * then sends no RST_STREAM but empty DATA frames for ever, in one call that never returns: the process uses up all
 * memory. With a code, the RST_STREAM goes out first.
 */
export function cancelStreams(): () => void {
  const onCreated = (message: unknown) => {
    const { stream } = message as { stream: ClientHttp2Stream }
    const { close } = stream
    stream.close = (code = constants.NGHTTP2_CANCEL, callback) => close.call(stream, code, callback)
  }
  subscribe(created, onCreated)
  return () => unsubscribe(created, onCreated)
}
