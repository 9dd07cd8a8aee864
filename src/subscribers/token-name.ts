import { hash } from 'node:crypto'
import type { Platform } from '../database.ts'

/** Identifies a subscriber within its app, given a token as `checkToken` returns it (subscriber-token.ts). */
export function tokenHash(platform: Platform, token: string): Buffer {
  return Buffer.from(hexOf(platform, token), 'hex')
}

function hexOf(platform: Platform, token: string): string {
  // iOS tokens are hexadecimal digits: upper and lower case name the same device.
  const spelled = platform === 'ios' ? token.toLowerCase() : token
  return hash('sha256', `${platform}:${spelled}`, 'hex')
}

/** The name of a token across all apps: its hash in 64 hexadecimal digits, then the app's id. */
export function nameOfToken(appId: string, platform: Platform, token: string): string {
  return hexOf(platform, token) + appId
}

/** The hash in a {@link nameOfToken}, in the text form that PostgreSQL reads. */
export function hashInName(name: string): string {
  return `\\x${name.slice(0, 64)}`
}
