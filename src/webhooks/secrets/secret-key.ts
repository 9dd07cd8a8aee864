const prefix = 'whsec_'
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * The Standard Webhooks key of a secret. A secret of `whsec_` + base64 is decoded if that gives 24 to 64 bytes. The key
 * of any other secret is its UTF-8 bytes.
 */
export function standardWebhooksKey(secret: string): Buffer {
  return decodeSecret(secret) ?? Buffer.from(secret, 'utf8')
}

/** Decodes `whsec_` + base64 of 24 to 64 bytes; null for any other secret. */
export function decodeSecret(secret: string): Buffer | null {
  if (!secret.startsWith(prefix) || !base64.test(secret.slice(prefix.length))) return null
  const decoded = Buffer.from(secret.slice(prefix.length), 'base64')
  return decoded.length >= 24 && decoded.length <= 64 ? decoded : null
}
