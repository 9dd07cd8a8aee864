import { hash, randomUUID } from 'node:crypto'

/** The target of an exchange. Exchanges to destinations with the same key share connections. */
export interface Destination {
  readonly key: string
  readonly url: URL
  /** PEM certificates trusted for this destination, instead of the certificates that the service trusts. */
  readonly ca: string | undefined
  /** Whether the destination has only one exchange, which shares its connection with no other. */
  readonly alone: boolean
}

export function toDestination(
  url: URL,
  { ca, alone = false }: { ca?: string | undefined; alone?: boolean } = {},
): Destination {
  const authority = ca === undefined ? '' : ` ${hash('sha256', ca)}`
  const key = `${url.origin}${authority}${alone ? ` ${randomUUID()}` : ''}`
  return { key, url, ca, alone }
}
