import { createCipheriv, createHmac, randomBytes } from 'node:crypto'
import type { Agreement } from './key-agreement.ts'
import { isP256Point, pointBytes } from './p256-point.ts'

/** Maximum bytes of plaintext in a message that every push service must accept: 4096 − 86 − 1 − 16 (RFC 8291 §4). */
export const maxPlaintextBytes = 3_993

/** Bytes that encryption adds to the plaintext: header, padding delimiter, authentication tag. */
export const overheadBytes = 86 + 1 + 16

const authBytes = 16
const saltBytes = 16

// Record size (4096, uint32) and key id length (65), between salt and key in the header (RFC 8188 §2.1).
const headerMiddle = Buffer.from([0, 0, 0x10, 0, pointBytes])

const keyInfoLabel = Buffer.from('WebPush: info\0')
const contentKeyInfo = Buffer.from('Content-Encoding: aes128gcm\0\x01')
const nonceInfo = Buffer.from('Content-Encoding: nonce\0\x01')
const one = Buffer.from([1])
const lastRecordDelimiter = Buffer.from([2])

/** The plaintext does not fit a push message. */
export class PayloadTooLargeError extends Error {
  override name = 'PayloadTooLargeError'
  readonly code = 'ERR_PAYLOAD_TOO_LARGE'
}

/** A subscription's keys (Push API `getKey`): the P-256 point, 65 bytes uncompressed, and the 16-byte secret. */
export interface SubscriptionKeys {
  p256dh: Uint8Array
  auth: Uint8Array
}

/**
 * Encrypts one push message (RFC 8291, content coding aes128gcm of RFC 8188): one record, no padding.
 *
 * @param plaintext at most {@link maxPlaintextBytes}
 * @param agreement with the recipient, for this message only
 * @param salt 16 random bytes; only tests provide it
 * @returns the request body: salt, record size, sender's public key, ciphertext
 * @throws PayloadTooLargeError when the plaintext is too long
 */
export function encrypt(
  plaintext: Uint8Array,
  keys: SubscriptionKeys,
  { publicKey, secret }: Agreement,
  salt: Uint8Array = randomBytes(saltBytes),
): Buffer {
  if (plaintext.length > maxPlaintextBytes) {
    throw new PayloadTooLargeError(`payload is ${plaintext.length} bytes, at most ${maxPlaintextBytes} fit`)
  }
  const { contentKey, nonce } = deriveKeys(secret, keys, publicKey, salt)
  const cipher = createCipheriv('aes-128-gcm', contentKey, nonce)
  const record = cipher.update(Buffer.concat([plaintext, lastRecordDelimiter]))
  cipher.final()
  return Buffer.concat([salt, headerMiddle, publicKey, record, cipher.getAuthTag()])
}

/** The key schedule of RFC 8291 §3.4. */
function deriveKeys(
  sharedSecret: Uint8Array,
  { p256dh, auth }: SubscriptionKeys,
  senderPublicKey: Uint8Array,
  salt: Uint8Array,
): { contentKey: Buffer; nonce: Buffer } {
  const keyInfo = Buffer.concat([keyInfoLabel, p256dh, senderPublicKey, one])
  const inputKey = hmac(hmac(auth, sharedSecret), keyInfo)
  const pseudoRandomKey = hmac(salt, inputKey)
  return {
    contentKey: hmac(pseudoRandomKey, contentKeyInfo).subarray(0, 16),
    nonce: hmac(pseudoRandomKey, nonceInfo).subarray(0, 12),
  }
}

function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

export type ParsedSubscriptionKeys =
  | { ok: true; keys: { p256dh: Buffer; auth: Buffer } }
  | { ok: false; field: 'p256dh' | 'auth'; message: string }

/**
 * Reads the keys of a browser's subscription: base64url, with or without padding, or plain base64.
 *
 * @returns the bytes, or which field is wrong and how, in words fit for API validation details
 */
export function parseSubscriptionKeys(p256dh: string, auth: string): ParsedSubscriptionKeys {
  const point = decodeBase64(p256dh)
  if (!point || !isP256Point(point)) {
    return { ok: false, field: 'p256dh', message: 'must be an uncompressed P-256 public key in base64url' }
  }
  const secret = decodeBase64(auth)
  if (secret?.length !== authBytes) {
    return { ok: false, field: 'auth', message: `must be ${authBytes} bytes in base64url` }
  }
  return { ok: true, keys: { p256dh: point, auth: secret } }
}

/** Decodes base64 and base64url. Returns null for any other characters, which Buffer.from would skip. */
export function decodeBase64(text: string): Buffer | null {
  return /^[A-Za-z0-9_\-+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : null
}
