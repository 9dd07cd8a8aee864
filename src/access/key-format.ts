import { hash, randomBytes } from 'node:crypto'

const form = /^kr_live_[A-Za-z0-9_-]{43}$/

/** A new API key: `kr_live_` and 32 random bytes in base64url. */
export function generateKey(): string {
  return `kr_live_${randomBytes(32).toString('base64url')}`
}

export function isWellFormedKey(key: string): boolean {
  return form.test(key)
}

/** SHA-256, the only form in which a key is stored. Its 256 random bits need no slow hash. */
export function hashKey(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

/** The first 12 characters, so that people can tell their keys apart. */
export function keyPrefix(key: string): string {
  return key.slice(0, 12)
}
