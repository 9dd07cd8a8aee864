import { createECDH, getFips } from 'node:crypto'
import type { AgreeKeys } from './key-agreement.ts'
import { pointBytes } from './p256-point.ts'

/** The Node that the checkout pins. In another one `node:ffi`, which is experimental, may work otherwise. */
const triedOn = 'v26.10.0'

const secretBytes = 32
/** Sizes as the type `u64` takes them. */
const pointSize = BigInt(pointBytes)
const secretSize = BigInt(secretBytes)

// From openssl/obj_mac.h and openssl/ec.h.
const curveP256 = 415
const uncompressed = 4

const key = 'pointer'
const group = 'pointer'
const point = 'pointer'
const context = 'pointer'
/** The context that OpenSSL makes itself, and the derivation function that is not applied. */
const none = 0n

/** Functions of OpenSSL 3, see EC_KEY_new(3), EC_POINT_new(3), ECDH_compute_key(3) and ERR_clear_error(3). */
const signatures = {
  EC_KEY_new_by_curve_name: { arguments: ['i32'], return: key },
  EC_KEY_free: { arguments: [key], return: 'void' },
  EC_KEY_generate_key: { arguments: [key], return: 'i32' },
  EC_KEY_get0_group: { arguments: [key], return: group },
  EC_KEY_get0_public_key: { arguments: [key], return: point },
  EC_POINT_new: { arguments: [group], return: point },
  EC_POINT_free: { arguments: [point], return: 'void' },
  EC_POINT_oct2point: { arguments: [group, point, 'buffer', 'u64', context], return: 'i32' },
  EC_POINT_point2oct: { arguments: [group, point, 'i32', 'buffer', 'u64', context], return: 'u64' },
  ECDH_compute_key: { arguments: ['buffer', 'u64', point, key, 'pointer'], return: 'i32' },
  ERR_clear_error: { arguments: [], return: 'void' },
} as const

/**
 * Agrees on keys by calling the OpenSSL inside Node directly, in 60 µs instead of 107 µs: `node:crypto` copies each key
 * pair between formats and checks it again, although it has just been made.
 *
 * @returns null where this was not tried: then `node:crypto` does it
 */
export function openAgreement(): AgreeKeys | null {
  if (process.version !== triedOn || getFips() !== 0) return null
  try {
    const agree = agreeBy(loadOpenssl())
    return isSound(agree) ? agree : null
  } catch {
    return null
  }
}

type Openssl = ReturnType<typeof loadOpenssl>

/** @throws Error when Node was built or started without FFI, or a function is missing */
function loadOpenssl() {
  const { emitWarning } = process
  // Operators cannot act on the warning that FFI is experimental.
  process.emitWarning = () => {}
  try {
    return process.getBuiltinModule('node:ffi').dlopen(null, signatures).functions
  } finally {
    process.emitWarning = emitWarning
  }
}

function agreeBy(ssl: Openssl): AgreeKeys {
  return (recipients) => {
    const agreed = Buffer.alloc(recipients.length * (pointBytes + secretBytes))
    const sender = ssl.EC_KEY_new_by_curve_name(curveP256)
    const curve = ssl.EC_KEY_get0_group(sender)
    const recipient = ssl.EC_POINT_new(curve)
    try {
      return recipients.map((bytes, i) => {
        // This checks that the point is on the curve. Every point of P-256 is in its only group.
        if (
          bytes.length !== pointBytes ||
          !ssl.EC_POINT_oct2point(curve, recipient, bytes, pointSize, none)
        ) {
          return null
        }
        const at = i * (pointBytes + secretBytes)
        const publicKey = agreed.subarray(at, at + pointBytes)
        const secret = agreed.subarray(at + pointBytes, at + pointBytes + secretBytes)
        const isAgreed =
          ssl.EC_KEY_generate_key(sender) === 1 &&
          ssl.EC_POINT_point2oct(
            curve,
            ssl.EC_KEY_get0_public_key(sender),
            uncompressed,
            publicKey,
            pointSize,
            none,
          ) === pointSize &&
          ssl.ECDH_compute_key(secret, secretSize, recipient, sender, none) === secretBytes
        if (!isAgreed) throw new Error('OpenSSL could not agree on a key')
        return { publicKey, secret }
      })
    } finally {
      ssl.EC_POINT_free(recipient)
      ssl.EC_KEY_free(sender)
      // A TLS connection of this thread would take an error that is left behind for its own.
      ssl.ERR_clear_error()
    }
  }
}

/** Whether `node:crypto` comes to the same result. */
function isSound(agree: AgreeKeys): boolean {
  const recipient = createECDH('prime256v1')
  const [agreement, refused] = agree([recipient.generateKeys(), Buffer.alloc(pointBytes, uncompressed)])
  return refused === null && recipient.computeSecret(agreement!.publicKey).equals(agreement!.secret)
}
