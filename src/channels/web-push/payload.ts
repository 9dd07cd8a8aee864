import { type Oversize, type ShownMessage, shownFields } from '../message.ts'
import { maxPlaintextBytes } from './encrypt.ts'
import type { Plaintext } from './encryption-pool.ts'
import { tokenLength } from './tracking-token.ts'

/** The placeholder for each subscriber's own token. */
const noToken = '-'.repeat(tokenLength)

/** The payload for a service worker: the fields to show and, last, the tracking token `t`; see tracking-token.ts. */
function payloadOf(message: ShownMessage): Record<string, unknown> {
  const { t: _, ...shown } = shownFields(message, 'web')
  return { ...shown, t: noToken }
}

/** The bytes of the payload, and where in them each subscriber's token goes. */
export function buildPayload(message: ShownMessage): Plaintext {
  const payload = Buffer.from(JSON.stringify(payloadOf(message)))
  const closing = '"}'.length
  return { payload, stampAt: payload.length - closing - tokenLength }
}

/** Characters of an override's key that an error message shows: the key may be as long as a request. */
const maxShownKey = 40

/** The field to shorten when the payload would not fit into one push (RFC 8291 §4). */
export function findOversize(message: ShownMessage): Oversize | undefined {
  const payload = payloadOf(message)
  const sizeOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))
  const bytes = sizeOf(payload)
  if (bytes <= maxPlaintextBytes) return undefined
  const [longest] = Object.keys(payload)
    .filter((key) => key !== 't')
    .sort((a, b) => sizeOf(payload[b]) - sizeOf(payload[a]))
  const overridden = longest! in (message.content.platform_overrides?.web ?? {})
  return {
    field: overridden ? `platform_overrides.web.${longest!.slice(0, maxShownKey)}` : longest!,
    message: `makes the push payload ${bytes} bytes long, at most ${maxPlaintextBytes} fit`,
  }
}
