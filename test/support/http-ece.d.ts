// The package brings no types; this is the part that the tests use.
declare module 'http_ece' {
  import type { ECDH } from 'node:crypto'

  /** Decrypts a body (RFC 8188; with `authSecret` RFC 8291). */
  export function decrypt(
    body: Buffer,
    params: { version: string; privateKey: ECDH; authSecret: string },
  ): Buffer
}
