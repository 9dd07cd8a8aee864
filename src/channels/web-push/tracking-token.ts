import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * What a push carries so that the device can report on it: which notification, to which subscriber. It proves that the
 * service made it and opens nothing else. No row is kept for it.
 *
 *   base64url( kind 1 | app id 16 | notification id 16 | subscriber id 16 | HMAC-SHA256 of these, its first 14 )
 *
 * The low four bits of the kind are the version; the high four the subscriber's user epoch, which grows when its token
 * moves to another user: what one user's pushes carry says nothing about the next.
 *
 * 63 bytes, so that each character of the text stands for six bits of them and none can be changed unnoticed.
 */
export interface TrackedPush {
  appId: string
  notificationId: string
  subscriberId: string
  /** The subscriber's when the push was made, 0 to 15. */
  userEpoch: number
}

/** User epochs are counted modulo this. */
export const userEpochs = 16

/** What the keys of tokens are derived for. */
export const trackingPurpose = 'tracking-token'

/** Characters of a token, all ASCII. */
export const tokenLength = 84

const version = 1
const versionBits = 4
const idBytes = 16
const subjectBytes = 1 + 3 * idBytes
/** 112 bits: nobody guesses them, over a network least of all (RFC 2104 §5 asks for 80 at least). */
const macBytes = 14

const tokenForm = /^[A-Za-z0-9_-]{84}$/

/**
 * Makes the tokens of one notification.
 *
 * @param key 32 bytes
 * @returns the token for a subscriber's id and user epoch, as the bytes of its text
 */
export function createTokenSigner(
  key: Buffer,
  { appId, notificationId }: Pick<TrackedPush, 'appId' | 'notificationId'>,
): (subscriberId: string, userEpoch: number) => Buffer {
  const token = Buffer.alloc(subjectBytes + macBytes)
  writeId(token, 1, appId)
  writeId(token, 1 + idBytes, notificationId)
  const subject = token.subarray(0, subjectBytes)
  return (subscriberId, userEpoch) => {
    token[0] = version | (userEpoch << versionBits)
    writeId(token, 1 + 2 * idBytes, subscriberId)
    mac(key, subject).copy(token, subjectBytes, 0, macBytes)
    return Buffer.from(token.toString('base64url'), 'latin1')
  }
}

/** @returns undefined when none of the keys made the token */
export function readToken(keys: readonly Buffer[], text: string): TrackedPush | undefined {
  if (!tokenForm.test(text)) return undefined
  const token = Buffer.from(text, 'base64url')
  const subject = token.subarray(0, subjectBytes)
  const given = token.subarray(subjectBytes)
  const isOurs = keys.some((key) => timingSafeEqual(mac(key, subject).subarray(0, macBytes), given))
  const kind = token[0]!
  if (!isOurs || (kind & 0x0f) !== version) return undefined
  return {
    appId: readId(token, 1),
    notificationId: readId(token, 1 + idBytes),
    subscriberId: readId(token, 1 + 2 * idBytes),
    userEpoch: kind >> versionBits,
  }
}

function mac(key: Buffer, subject: Buffer): Buffer {
  return createHmac('sha256', key).update(subject).digest()
}

function writeId(target: Buffer, at: number, id: string): void {
  target.write(id.replaceAll('-', ''), at, idBytes, 'hex')
}

function readId(source: Buffer, at: number): string {
  const hex = source.toString('hex', at, at + idBytes)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
