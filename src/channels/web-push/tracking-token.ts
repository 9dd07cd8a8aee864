import { createHmac, timingSafeEqual } from 'node:crypto'
import { idOfHex } from '../../platform/ids.ts'

/**
 * The contents of a push's token, with which the device reports on it: which notification, to which subscriber. The
 * token proves that the service made it and gives access to nothing else. No row is stored for it.
 *
 *   base64url( kind 1 | app id 16 | notification id 16 | subscriber id 16 | first 14 bytes of HMAC-SHA256 of these )
 *
 * The low four bits of the kind are the version. The high four bits are the subscriber's user epoch, which grows when
 * the subscriber's token moves to another user: tokens in one user's pushes say nothing about the next user.
 *
 * The token has 63 bytes, so that each character encodes exactly six bits and none can be changed unnoticed.
 */
export interface TrackedPush {
  appId: string
  notificationId: string
  subscriberId: string
  /** The subscriber's user epoch when the push was made, 0 to 15. */
  userEpoch: number
}

/** User epochs are counted modulo this number. */
export const userEpochs = 16

/** The purpose for which the keys of tokens are derived. */
export const trackingPurpose = 'tracking-token'

/** Characters of a token, all ASCII. */
export const tokenLength = 84

const version = 1
const versionBits = 4
const idBytes = 16
const subjectBytes = 1 + 3 * idBytes
/** 112 bits cannot be guessed, least of all over a network (RFC 2104 §5 asks for at least 80). */
const macBytes = 14

const tokenForm = /^[A-Za-z0-9_-]{84}$/

/**
 * Creates the tokens of one notification.
 *
 * @param key 32 bytes
 * @returns a function from a subscriber's id and user epoch to the token, as the bytes of its text
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
  return idOfHex(source.toString('hex', at, at + idBytes))
}
