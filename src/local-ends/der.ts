/** A DER element (ITU-T X.690): tag, length, content. */
export function element(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = Buffer.from(
    length.toString(16).padStart(2 * Math.ceil(length.toString(16).length / 2), '0'),
    'hex',
  )
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

export const sequence = (...content: Uint8Array[]) => element(0x30, ...content)
export const set = (...content: Uint8Array[]) => element(0x31, ...content)
export const octets = (...content: Uint8Array[]) => element(0x04, ...content)
export const utf8 = (text: string) => element(0x0c, Buffer.from(text))
export const isTrue = element(0x01, Buffer.from([0xff]))
/** @param unused how many low bits of the last byte are unused */
export const bits = (content: Uint8Array, unused = 0) => element(0x03, Buffer.from([unused]), content)
/** @param bytes big-endian; the first byte's high bit is clear */
export const positive = (bytes: Uint8Array) => element(0x02, bytes)
/** @param tag the context-specific tag number: 0 for `[0]` */
export const explicit = (tag: number, ...content: Uint8Array[]) => element(0xa0 | tag, ...content)
/** A GeneralizedTime, to the second. */
export const time = (at: Date) =>
  element(0x18, Buffer.from(`${at.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`))

/** @param dotted e.g. `2.5.4.3` */
export function objectId(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number)
  return element(0x06, Buffer.from([first! * 40 + second!, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80)
  return digits
}
