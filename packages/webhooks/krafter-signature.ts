import { encode, type RawBody, viewBytes } from './bytes.ts'
import { badSecret, type Key, listSecrets, type WebhookSecret } from './secrets.ts'
import { isSigned } from './signatures.ts'

/**
 * Whether `x-krafter-signature` (`sha256=` + lower-case hex HMAC-SHA256 of the body, keyed by the secret's UTF-8
 * bytes) is by one of the secrets. It does not sign a time, so a replayed delivery always passes: prefer `verify`.
 *
 * @throws {WebhookVerificationError} `invalid_secret`, also for a public key; `invalid_body` if the body is not raw
 */
export async function verifyKrafterSignature(
  rawBody: RawBody,
  header: string | readonly string[] | null | undefined,
  secret: WebhookSecret,
): Promise<boolean> {
  const secrets = listSecrets(secret)
  // A public key used as an HMAC key would let anyone who knows it sign.
  if (secrets.some((text) => text.startsWith('whpk_')))
    throw badSecret('a public key cannot verify x-krafter-signature')
  const body = new Uint8Array(viewBytes(rawBody))
  const hex = /^sha256=([0-9a-f]{64})$/.exec(String(header))?.[1]
  if (!hex) return false
  const signature = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  const keys = secrets.map((text): Key => ({ version: 'v1', bytes: encode(text) }))
  return isSigned(body, [{ version: 'v1', bytes: signature }], keys)
}
